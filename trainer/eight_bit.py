"""A layer's products in eight-bit integers: twice bfloat16's rate where a processor has them.

Each column of the states has a step of its own, so that a few wide ones do not spoil the rest, and
a centre of its own; the weights take up both (Xiao et al. 2023, SmoothQuant; Wei et al. 2023,
Outlier Suppression+). What range a column has is known beforehand, from texts of the training
(trainer.ranges): values beyond it are cut. Sums are exact, so a text's states do not hang on the
batch that it is in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from trainer.errors import ArtifactError

EIGHT_BIT_FILE = "eight_bit.safetensors"
PRODUCTS = ("project", "mix", "widen", "narrow")  # a layer's, as trainer.fused names them
EVENING = 0.9  # of a column's width goes to its weights; 1 would leave those uneven instead
LEAST_WIDTH = 1e-5  # of a column that never changes
MIDDLE, HIGHEST = 128, 255  # of the numbers; those of weights go from -127 to 127
ROWS = 2048  # for which oneDNN chooses how the weights lie


@dataclass(frozen=True)
class Range:
    """What a product is given: the lowest, highest and mean value of each column (columns,).

    lowest and highest are of all columns together (1,) where one step is to do for all.
    """

    lowest: torch.Tensor
    highest: torch.Tensor
    mean: torch.Tensor


Place = tuple[int, str]  # a layer's number and a product's name in it
Ranges = Mapping[Place, Range]  # of the products that shall be of eight bits


@dataclass(frozen=True)
class Coding:
    """How values (rows, columns) become numbers: value = centre + (number - MIDDLE) · step."""

    centre: torch.Tensor
    step: torch.Tensor

    @classmethod
    def of(cls, values: Range, weight: torch.Tensor) -> "Coding":
        """A step and a centre for each column, given the weights (out, columns), or for all."""
        if len(values.lowest) == 1:
            return cls.alike(values)
        centre = (values.lowest + values.highest) / 2
        half = ((values.highest - values.lowest) / 2).clamp(min=LEAST_WIDTH)
        largest = weight.abs().amax(0).clamp(min=LEAST_WIDTH)
        even = half**EVENING / largest ** (1 - EVENING)
        return cls(centre, even * ((half / even).max() / (MIDDLE - 1)))

    @classmethod
    def alike(cls, values: Range) -> "Coding":
        """One step for all columns; some number means 0."""
        lowest, highest = values.lowest.clamp(max=0), values.highest.clamp(min=0)
        step = ((highest - lowest) / HIGHEST).clamp(min=LEAST_WIDTH)
        return cls((MIDDLE + (lowest / step).round()) * step, step)

    @property
    def zero(self) -> int:
        """The number that means 0, where all columns are alike."""
        return MIDDLE - round((self.centre / self.step).item())


class EightBitLinear:
    """Matrices with one input, side by side, with their biases; then GELU if asked for.

    values: of the input, which is bfloat16, or uint8 where the product before has coded it. into:
    what follows is given numbers, coded for these values; None: bfloat16. Rounded weights are made
    to say of the mean input what exact ones would (Nagel et al. 2019, bias correction).
    """

    def __init__(
        self,
        parts: Sequence[nn.Linear],
        values: Range,
        *,
        gelu: bool = False,
        into: Range | None = None,
    ) -> None:
        weight = torch.cat([part.weight.detach().float() for part in parts])
        bias = torch.cat([part.bias.detach().float() for part in parts])
        coding = Coding.of(values, weight)
        self._times = 1 / coding.step
        self._plus = MIDDLE + 0.5 - coding.centre / coding.step  # what follows rounds down
        scaled = weight * coding.step
        self._scales = (scaled.abs().amax(1) / (MIDDLE - 1)).clamp(min=torch.finfo().tiny)
        numbers = (scaled / self._scales[:, None]).round().to(torch.int8)
        rounded = numbers * self._scales[:, None] / coding.step
        centre = coding.centre.expand_as(values.mean)
        self._bias = bias + rounded @ centre + (weight - rounded) @ values.mean
        self._weight = torch.ops.onednn.qlinear_prepack(numbers, [ROWS, weight.shape[1]])
        self._zeros = torch.zeros(len(weight), dtype=torch.int32)
        self._out = (1.0, 0, torch.bfloat16) if into is None else _coded(Coding.alike(into))
        self._then: tuple[str, list[None], str] = ("gelu" if gelu else "none", [], "none")

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product with states (rows, columns), (rows, out)."""
        numbers = states if states.dtype == torch.uint8 else self._numbers(states)
        found: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            numbers,
            1.0,
            MIDDLE,
            self._weight,
            self._scales,
            self._zeros,
            self._bias,
            *self._out,
            *self._then,
        )
        return found

    def _numbers(self, states: torch.Tensor) -> torch.Tensor:
        found = torch.addcmul(self._plus, states.float(), self._times).clamp_(0, HIGHEST)
        return found.to(torch.int16).to(torch.uint8)  # at once takes thrice as long


def _coded(coding: Coding) -> tuple[float, int, torch.dtype]:
    return coding.step.item(), coding.zero, torch.uint8


def save_ranges(ranges: Ranges, path: Path) -> None:
    """Write them as plain tensors."""
    tensors: dict[str, torch.Tensor] = {}
    for (layer, name), values in ranges.items():
        tensors |= {f"{layer}.{name}.{what}": v.contiguous() for what, v in vars(values).items()}
    save_file(tensors, path)


def load_ranges(path: Path, config: Mapping[str, Any]) -> dict[Place, Range]:
    """The inverse of `save_ranges`, for a model of this configuration. Raises ArtifactError."""
    try:
        tensors = load_file(path)
        found: dict[Place, Range] = {}
        for name in sorted({name.rpartition(".")[0] for name in tensors}):
            layer, product = name.split(".")
            parts = {what: tensors[f"{name}.{what}"].float() for what in Range.__annotations__}
            found[int(layer), product] = Range(**parts)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ArtifactError(f"{path.name} cannot be read ({error}); train again") from None
    for (layer, product), values in found.items():
        layers = config.get("num_hidden_layers", 0)
        if not (0 <= layer < layers and _fits(values, product, config)):
            raise ArtifactError(f"{path.name} does not fit the model; train again")
    return found


def _fits(values: Range, product: str, config: Mapping[str, Any]) -> bool:
    narrow = product == "narrow"
    columns = (config.get("intermediate_size" if narrow else "hidden_size"),)
    shapes = [tensor.shape for tensor in vars(values).values()]
    wanted = [(1,), (1,), columns] if narrow else [columns] * 3
    if product not in PRODUCTS or shapes != wanted:
        return False
    finite = all(bool(tensor.isfinite().all()) for tensor in vars(values).values())
    return finite and bool((values.lowest <= values.highest).all())
