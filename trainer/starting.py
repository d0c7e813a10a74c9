"""Where a fine-tuning starts from: the base model, or the version that is in use.

Starting from the version in use is quick after a few new labels, and keeps what it knows. It is
possible only where nothing but the weights differs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.config import TrainConfig
from trainer.errors import ConfigError

if TYPE_CHECKING:
    from trainer.network import TextClassifier

BASE_INSTEAD = "start from the base model instead"


@dataclass(frozen=True)
class Start:
    """A published version to start from: its number, folder and manifest's digest."""

    version: int
    directory: Path
    manifest_sha256: str

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**asdict(self), "directory": str(self.directory)}


def start_from_json(stored: dict[str, Any] | None, data: Path) -> Start | None:
    """The inverse of `to_json`; `data`: where the stored folder is relative to."""
    if not stored:
        return None
    directory = data / str(stored["directory"])
    return Start(int(stored["version"]), directory, str(stored["manifest_sha256"]))


def check_start(
    config: TrainConfig,
    kind: str,
    base_model: str,
    current_labels: Sequence[str],
    labels: Sequence[str],
) -> None:
    """Refuse to go on from a version of another kind, base model or label set.

    kind, base_model, current_labels: of the version in use. Raises ConfigError.
    """
    if config.kind != "fine_tuned":
        raise ConfigError(
            f"a {config.kind} starts anew each time; only fine_tuned goes on from a version"
        )
    if kind != "fine_tuned":
        raise ConfigError(f"the version in use is a {kind}, not fine-tuned; {BASE_INSTEAD}")
    if base_model != config.base_model:
        raise ConfigError(
            f"the version in use grew out of {base_model!r}, not {config.base_model!r}; "
            f"choose that base model, or {BASE_INSTEAD}"
        )
    if sorted(current_labels) == sorted(labels) and list(current_labels) != list(labels):
        raise ConfigError(
            "the labels stand in another order than in the version in use; put them back, or "
            f"{BASE_INSTEAD}"
        )
    if list(current_labels) != list(labels):
        raise ConfigError(
            f"the version in use knows the labels {', '.join(current_labels)}; the project has "
            f"{', '.join(labels)} now; {BASE_INSTEAD}"
        )


def no_version() -> ConfigError:
    """The refusal where no version is in use."""
    return ConfigError(f"no version is in use to start from; {BASE_INSTEAD}")


def start_weights(network: "TextClassifier", start: Start, *, base_sha256: str) -> None:
    """Put a published version's weights into a new network of the same shape.

    Raises ArtifactError for a damaged version, ConfigError for one of another shape, or one whose
    random split has had it learn from tweets that judge others.
    """
    from safetensors.torch import load_file

    from trainer.artifacts import read_facts, verify
    from trainer.predict import facts_from_json

    verify(start.directory, start.manifest_sha256)
    facts = facts_from_json(read_facts(start.directory))
    if facts.base_sha256 != base_sha256:
        raise ConfigError(
            f"the files of the base model {facts.base_model!r} have changed since version "
            f"{start.version} was trained; {BASE_INSTEAD}"
        )
    if facts.config.get("split") == "random":
        raise ConfigError(
            f"version {start.version} has learned from tweets of the test split; {BASE_INSTEAD}"
        )
    try:
        network.head.load_state_dict(load_file(start.directory / "head.safetensors"))
        network.encoder.load_state_dict(load_file(start.directory / "model.safetensors"))
        same = facts.reading == network.reading
    except (RuntimeError, OSError):
        same = False
    if not same:
        raise ConfigError(
            f"version {start.version} has another head or pooling than was asked for; choose the "
            f"same ones, or {BASE_INSTEAD}"
        )


def with_start(digest: str, start: Start | None) -> str:
    """The fingerprint of a training, its starting point among what it follows from."""
    if start is None:
        return digest
    return hashlib.sha256(f"{digest}\n{start.manifest_sha256}".encode()).hexdigest()
