"""Training a run again from its snapshot, and telling whether the scores are the same."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trainer.callbacks import Callbacks
from trainer.config import TrainConfig
from trainer.errors import DataError
from trainer.files import file_sha256
from trainer.snapshots import UNLABELLED, read_snapshot, read_texts
from trainer.starting import Start

HEADLINES = ("n", "accuracy", "macro_f1", "weighted_f1", "log_loss")
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Score:
    """One headline of one split: as stored, and as trained again."""

    split: str
    name: str
    stored: float | None
    again: float | None

    @property
    def same(self) -> bool:
        """Tell whether both are equal but for the last digits."""
        if self.stored is None or self.again is None:
            return self.stored == self.again
        return abs(self.stored - self.again) <= TOLERANCE


@dataclass(frozen=True)
class Reproduction:
    """All headlines side by side; matches: whether every one is the same."""

    scores: Sequence[Score]

    @property
    def matches(self) -> bool:
        """Tell whether the second training reached the same scores."""
        return all(score.same for score in self.scores)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {"matches": self.matches, "scores": [asdict(score) for score in self.scores]}


def as_measured(config: TrainConfig, environment: Mapping[str, Any]) -> TrainConfig:
    """The settings of a run, with what it measured for itself.

    That is the precision, once it began, and whether its layers were compiled, once it ended.
    """
    if "precision" in environment:
        config = replace(config, precision=environment["precision"])
    if "compiled" in environment:
        config = replace(config, compiled="yes" if environment["compiled"] else "no")
    return config


def reproduce(
    snapshot: Path,
    sha256: str,
    config: TrainConfig,
    stored: Mapping[str, Any],
    *,
    cache: Path,
    callbacks: Callbacks,
    start: Start | None = None,
) -> Reproduction:
    """Train `config` again on the snapshot and compare with the `stored` metrics of its splits.

    The same scores are to be expected on the same machine with the same versions installed.
    Raises DataError for a snapshot that was changed since.
    """
    from trainer.train import train

    if config.kind == "zero_shot":
        raise DataError("a zero-shot guess is not trained, so there is nothing to train again")
    if not snapshot.is_file() or file_sha256(snapshot) != sha256:
        raise DataError(f"the data snapshot {snapshot} is missing or was changed; start a new run")
    examples, labels = read_snapshot(snapshot)
    texts = read_texts(snapshot.parent / UNLABELLED)
    with TemporaryDirectory() as work:
        trained = train(
            examples,
            labels,
            config,
            work=Path(work),
            cache=cache,
            callbacks=callbacks,
            texts=texts,
            start=start,
        )
    again = {split: scores.to_json() for split, scores in trained.metrics.items()}
    return Reproduction(
        [
            Score(split, name, stored[split].get(name), again.get(split, {}).get(name))
            for split in ("validation", "test")
            if split in stored
            for name in HEADLINES
        ]
    )
