"""Several processes training one network: what each works on, and what they tell each other.

Data parallel: every process holds the whole network, takes its share of each batch's rows, and
the gradients are summed, so that a step is the same for any number of processes (up to rounding).
Started by `accelerate launch` or torchrun; alone, all of this costs nothing.
"""

from collections.abc import Iterable
from typing import Any

import torch
from accelerate import Accelerator
from numpy.typing import NDArray


class Together:
    """The processes of one training. first: whether this one writes and reports."""

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._count = int(accelerator.num_processes)
        self._place = int(accelerator.process_index)

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes checkpoints and reports."""
        return self._place == 0

    def share_of(self, batch: NDArray[Any]) -> NDArray[Any]:
        """Return this process's rows of a batch; possibly none of a short one."""
        return batch[self._place :: self._count]

    def sum_gradients(self, weights: Iterable[torch.nn.Parameter]) -> None:
        """Make every process's gradients the sum over all of them."""
        if self._count == 1:
            return
        for weight in weights:
            if weight.grad is None:  # a process that had no row, or a weight without use
                weight.grad = torch.zeros_like(weight)
            torch.distributed.all_reduce(weight.grad)

    def sum(self, number: float) -> float:
        """Return the sum of every process's number."""
        if self._count == 1:
            return number
        told = torch.tensor([number], dtype=torch.float64, device=self._accelerator.device)
        torch.distributed.all_reduce(told)
        return float(told)

    def any(self, flag: bool) -> bool:
        """Return whether any process says so: all stop together, or none does."""
        return self.sum(float(flag)) > 0

    def wait(self) -> None:
        """Return once every process is here: nobody reads what the first still writes."""
        if self._count > 1:
            self._accelerator.wait_for_everyone()
