"""What a run learned from, and with what: kept beside the run so that it can be trained again."""

import hashlib
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from trainer.data import Example, LabelInfo
from trainer.errors import DataError

SNAPSHOT = "snapshot.jsonl"
UNLABELLED = "unlabelled.jsonl"
_PACKAGES = ("torch", "transformers", "accelerate", "scikit-learn", "numpy")


def write_snapshot(path: Path, examples: Sequence[Example], labels: Sequence[LabelInfo]) -> str:
    """Write labels (first line) and examples (one a line); return the file's sha256.

    Written beside and renamed, so that a file under this name is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    digest = hashlib.sha256()
    with beside.open("wb") as file:
        for item in ([asdict(label) for label in labels], *map(asdict, examples)):
            line = json.dumps(item, ensure_ascii=False).encode() + b"\n"
            digest.update(line)
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return digest.hexdigest()


def read_snapshot(path: Path) -> tuple[list[Example], list[LabelInfo]]:
    """Read back what `write_snapshot` wrote. Raises DataError for a damaged file."""
    try:
        with path.open("rb") as file:
            labels = [LabelInfo(**label) for label in json.loads(next(file))]
            return [Example(**json.loads(line)) for line in file], labels
    except (OSError, StopIteration, ValueError, TypeError) as error:
        raise DataError(
            f"the run's data snapshot {path} cannot be read ({error}); start a new run"
        ) from error


def write_texts(path: Path, texts: Sequence[str]) -> str:
    """Write the unlabelled texts that a run may learn from, one a line; return their sha256."""
    beside = path.with_suffix(".part")
    told = "".join(json.dumps(text) + "\n" for text in texts).encode()
    with beside.open("wb") as file:
        file.write(told)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return hashlib.sha256(told).hexdigest()


def read_texts(path: Path) -> list[str]:
    """Read back what `write_texts` wrote; none where a run had none. Raises DataError."""
    if not path.exists():
        return []
    try:
        return [str(json.loads(line)) for line in path.read_bytes().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"the run's unlabelled texts {path} cannot be read ({error}); start a new run"
        ) from error


def environment() -> dict[str, Any]:
    """Return the versions and the machine that a run used."""
    versions = {name: metadata.version(name) for name in _PACKAGES}
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        **versions,
    }
