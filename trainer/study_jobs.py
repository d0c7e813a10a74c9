"""The studies as work of a job: how much a random split flatters, what more labels would bring."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.config import TrainConfig
from trainer.curve import CurveRecorder
from trainer.data import Example
from trainer.studies import study_curve, study_fine_tuned_curve, study_leakage

SEEDS = 3
FINE_TUNED_SEEDS = 2
MORE = 500
Progress = Callable[[int, int, str], bool]


def leakage(
    params: Mapping[str, Any],
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Compare both kinds of split. params: seeds (how many)."""
    watch = CurveRecorder(progress, lambda _: None, lambda _: None, should_stop)

    def comparing(done: int, total: int) -> None:
        progress(done, total, "comparing the splits")

    found = study_leakage(
        examples,
        label_map,
        config,
        cache=cache,
        seeds=range(int(params.get("seeds", SEEDS))),
        callbacks=watch,
        on_progress=comparing,
    )
    return found.to_json()


def curve(
    params: Mapping[str, Any],
    examples: Sequence[Example],
    label_map: Sequence[str],
    config: TrainConfig,
    *,
    cache: Path,
    progress: Progress,
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Measure the curve. params: kind (probe or fine_tuned), seeds, more (how many labels)."""
    kind = str(params.get("kind", "probe"))
    seeds = range(int(params.get("seeds", SEEDS if kind == "probe" else FINE_TUNED_SEEDS)))

    def fitting(done: int, total: int) -> None:
        progress(done, total, "training on growing shares of the labels")

    if kind == "probe":
        watch = CurveRecorder(progress, lambda _: None, lambda _: None, should_stop)
        found = study_curve(
            examples,
            label_map,
            config,
            cache=cache,
            seeds=seeds,
            on_progress=fitting,
            callbacks=watch,
        )
    else:
        with TemporaryDirectory() as work:
            found = study_fine_tuned_curve(
                examples,
                label_map,
                TrainConfig(base_model=config.base_model),
                cache=cache,
                seeds=seeds,
                work=Path(work),
                on_progress=fitting,
                should_stop=should_stop,
            )
    return {"kind": kind, **found.to_json(more=int(params.get("more", MORE)))}
