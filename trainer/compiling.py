"""An encoder's layers compiled by torch (torch.compile), where that is measured to be faster.

Each layer is compiled by itself, and its like take the same code: half the wait of compiling an
encoder as a whole, and as fast. What BERT's own layers gain so on a processor trainer.bert_layers
has already, without the wait (docs/benchmarks.md).
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainer.architectures import layers_of
from trainer.bert_layers import can_compute

TRIES = 3  # of each way, in turns; the best counts, since others' work only makes it worse
WORTH = 900  # seconds of work from which on the trial, a minute or more, can pay
LEAST = 10  # pieces of work; of fewer, one more to measure by would be too many
GAIN = 1.05  # from which on compiled layers are taken: validation has to compile some more
OPTIONS = {
    "cpp.dynamic_threads": True,  # the same code for one thread and for many
    "compile_threads": 1,  # a layer is one piece of work: no processes that wait for more
}
VARIANTS = 64  # with and without mask, gradient or dropout, for one text or many, of each layer

Code = list[Any]  # of each layer, what torch compiled

log = logging.getLogger(__name__)


def settle_layers(
    encoder: nn.Module,
    work: Callable[[], object],
    *,
    times: float,
    wanted: str = "auto",
    on_compile: Callable[[], None] = lambda: None,
) -> bool:
    """Compile an encoder's layers if that pays, and tell whether they are compiled now.

    work: a typical piece of what is to come, `times` pieces in all. wanted: auto (measure), yes,
    or no. What cannot be compiled stays as it is, with a warning.
    on_compile: called before layers are compiled, which takes up to a minute or two.
    """
    use(encoder, None)
    if wanted == "no" or can_compute(encoder):
        return False
    if wanted == "auto" and not _is_long(work, times):
        return False
    if not has_compiler():
        return False
    on_compile()
    code = None
    try:
        code = compile_layers(encoder)
        work()
        if wanted == "auto" and not _is_faster_compiled(encoder, work, code):
            code = None
    except Exception as error:  # whatever a compiler, a driver or a full disk may say
        log.warning("layers are not compiled: %s", " ".join(str(error).split())[:300])
        code = None
    use(encoder, code)
    return code is not None


def compile_layers(encoder: nn.Module) -> Code:
    """Have each layer compiled when it is next computed, once for all lengths of texts.

    Returns what `use` takes.
    """
    for layer in layers_of(encoder):
        layer.compile(dynamic=True, options=OPTIONS, recompile_limit=VARIANTS)
    return [layer._compiled_call_impl for layer in layers_of(encoder)]


def use(encoder: nn.Module, code: Code | None) -> None:
    """Compute an encoder's layers by what was compiled for them; None: as they are."""
    layers = layers_of(encoder)
    for layer, compiled in zip(layers, code or [None] * len(layers), strict=True):
        layer._compiled_call_impl = compiled


def has_compiler() -> bool:
    """Whether torch finds what it compiles with: Triton for a GPU, a C++ compiler else."""
    from torch._inductor import cpp_builder, exc
    from torch.utils import _triton

    if torch.cuda.is_available():
        return bool(_triton.has_triton())
    try:
        return bool(cpp_builder.get_cpp_compiler())
    except exc.InvalidCxxCompiler:
        return False


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds that a piece of work takes, a GPU's included."""
    _finish()
    began = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - began


def _is_long(work: Callable[[], object], times: float) -> bool:
    """Whether a trial can pay; asked twice, as a GPU's first piece of work is its slowest."""
    return times >= LEAST and all(seconds_of(work) * times >= WORTH for _ in range(2))


def _is_faster_compiled(encoder: nn.Module, work: Callable[[], object], code: Code) -> bool:
    best = {"compiled": float("inf"), "as it is": float("inf")}
    for name in list(best) * TRIES:
        use(encoder, code if name == "compiled" else None)
        best[name] = min(best[name], seconds_of(work))
    return best["compiled"] * GAIN < best["as it is"]


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
