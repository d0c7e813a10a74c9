"""Checkpoints of one training: complete or absent, and enough to go on as if never stopped.

work/checkpoints/step-00000120/
    trained.safetensors   the weights being trained, float32
    state.pt              the optimiser's state and the random numbers' state
    progress.json         where the training stood (Progress)
    COMPLETE              sha256 of each file, written last

state.pt is read with weights_only=True and only from such a directory, which this program wrote.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trainer.durable import clear_temporary, place_directory, write_json
from trainer.errors import ArtifactError
from trainer.faults import fault_point
from trainer.files import file_sha256

Weights = dict[str, torch.Tensor]
_FILES = ("trained.safetensors", "state.pt", "progress.json")


@dataclass(frozen=True)
class Progress:
    """Where a training stands. waited: validations since the best one."""

    step: int = 0
    best_step: int = -1
    best_score: float = -1.0
    waited: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """One complete checkpoint on disk."""

    directory: Path
    progress: Progress

    def weights(self) -> Weights:
        """The trained weights, float32."""
        weights: Weights = load_file(self.directory / "trained.safetensors")
        return weights

    def state(self) -> dict[str, Any]:
        """The optimiser's and the random numbers' state."""
        state: dict[str, Any] = torch.load(
            self.directory / "state.pt", weights_only=True, map_location="cpu"
        )
        return state


class Checkpoints:
    """The checkpoints under one directory. fingerprint: of settings, base model and data.

    A checkpoint with another fingerprint belongs to another training and is removed.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self.directory = directory
        self.fingerprint = fingerprint
        clear_temporary(directory)

    def latest(self) -> Checkpoint | None:
        """The last complete checkpoint whose best weights are complete too, if there is one."""
        for path in sorted(self.directory.glob("step-*"), reverse=True):
            found = self._open(path)
            if found is None:
                shutil.rmtree(path, ignore_errors=True)
            elif self._open(self._path(found.progress.best_step)) is not None:
                return found
        return None

    def save(self, weights: Weights, state: dict[str, Any], progress: Progress) -> None:
        """Write the checkpoint of `progress.step`, then drop those no longer needed."""

        def write(directory: Path) -> None:
            save_file(weights, directory / "trained.safetensors")
            fault_point("mid_weights")
            torch.save(state, directory / "state.pt")
            fault_point("mid_optimizer")
            facts = {"fingerprint": self.fingerprint, **asdict(progress)}
            write_json(directory / "progress.json", facts)
            digests = {name: file_sha256(directory / name) for name in _FILES}
            write_json(directory / "COMPLETE", digests)

        final = self._path(progress.step)
        shutil.rmtree(final, ignore_errors=True)
        place_directory(final, write, faults="")
        needed = {final, self._path(progress.best_step)}
        for path in self.directory.glob("step-*"):
            if path not in needed:
                shutil.rmtree(path, ignore_errors=True)

    def best(self, progress: Progress) -> Weights:
        """The weights of the best validation so far. Raises ArtifactError if they are gone."""
        found = self._open(self._path(progress.best_step))
        if found is None:
            raise ArtifactError(
                f"the checkpoint of step {progress.best_step} in {self.directory} is damaged; "
                "start the training again"
            )
        return found.weights()

    def _path(self, step: int) -> Path:
        return self.directory / f"step-{step:08d}"

    def _open(self, path: Path) -> Checkpoint | None:
        try:
            digests = json.loads((path / "COMPLETE").read_text())
            if any(file_sha256(path / name) != digests[name] for name in _FILES):
                return None
            facts = json.loads((path / "progress.json").read_text())
            if facts.pop("fingerprint") != self.fingerprint:
                return None
            return Checkpoint(path, Progress(**facts))
        except (OSError, ValueError, KeyError, TypeError, SafetensorError):
            return None
