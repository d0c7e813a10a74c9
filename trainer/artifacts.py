"""Model directories: written whole or not at all, and checked byte by byte before use.

models/<uuid>/
    classifier.json      what it is (predict.ClassifierFacts)
    head.safetensors     the head; for a probe, that and the base model's name and digest are all
    model.safetensors, config.json, tokenizer…    the encoder of a fine-tuned model
    eight_bit.safetensors    which of its products may be computed in eight bits (trainer.ranges)
    manifest.json        sha256 and size of every other file, written last
"""

import json
import re
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from trainer.durable import clear_temporary, place_directory, write_json
from trainer.errors import ArtifactError
from trainer.faults import fault_point
from trainer.files import file_sha256

MANIFEST = "manifest.json"
FACTS = "classifier.json"
_OWN_NAME = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Published:
    """Where a model now lies, and the digest of its manifest."""

    directory: Path
    manifest_sha256: str


def publish(models: Path, write: Callable[[Path], None], facts: dict[str, Any]) -> Published:
    """Let `write` fill a directory, and put it under `models` under a new name.

    facts: what else to note in the manifest (run, data snapshot, …). Raises ArtifactError when
    the disk refuses. After a kill at any point there is either no directory or a whole one.
    """
    final = models / uuid4().hex

    def fill(directory: Path) -> None:
        write(directory)
        fault_point("publish_before_manifest")
        files = {
            path.relative_to(directory).as_posix(): {
                "sha256": file_sha256(path),
                "bytes": path.stat().st_size,
            }
            for path in sorted(directory.rglob("*"))
            if path.is_file()
        }
        write_json(directory / MANIFEST, {"format": 1, "facts": facts, "files": files})

    place_directory(final, fill, faults="publish_")
    return Published(final, file_sha256(final / MANIFEST))


def verify(directory: Path, manifest_sha256: str | None = None) -> dict[str, Any]:
    """Check every file of a model directory against its manifest; return the manifest.

    Raises ArtifactError naming the first file that is missing, changed, odd or not listed.
    """
    path = directory / MANIFEST
    _check_plain(path, directory)
    if manifest_sha256 is not None and file_sha256(path) != manifest_sha256:
        raise _damaged(directory, MANIFEST, "is not the one that was published")
    manifest = _read(path, directory)
    files = manifest.get("files")
    if not isinstance(files, dict) or FACTS not in files:
        raise _damaged(directory, MANIFEST, "lists no model")
    for name, entry in files.items():
        file = directory / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise _damaged(directory, name, "lies outside the directory")
        _check_plain(file, directory)
        if file.stat().st_size != entry["bytes"] or file_sha256(file) != entry["sha256"]:
            raise _damaged(directory, name, "has changed since it was published")
    for found in directory.rglob("*"):
        name = found.relative_to(directory).as_posix()
        if not found.is_dir() and name != MANIFEST and name not in files:
            raise _damaged(directory, name, "is not listed in the manifest")
    return manifest


def read_facts(directory: Path) -> dict[str, Any]:
    """The JSON of classifier.json. Raises ArtifactError."""
    return _read(directory / FACTS, directory)


def remove_leftovers(models: Path, known: Collection[str]) -> list[str]:
    """Remove what killed writers left under `models`; return the names of what was removed.

    known: the names of the directories that the store points to. Call it while no publish is
    under way: one that is renamed and not yet in the store would go too.
    """
    clear_temporary(models)
    orphans = find_orphans(models, known)
    for name in orphans:
        shutil.rmtree(models / name, ignore_errors=True)
    return orphans


def find_orphans(models: Path, known: Collection[str]) -> list[str]:
    """Return the names under `models` that a publish made and the store does not point to."""
    names = (path.name for path in models.glob("*") if path.is_dir() and not path.is_symlink())
    return sorted(name for name in names if _OWN_NAME.fullmatch(name) and name not in known)


def _read(path: Path, directory: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise _damaged(directory, path.name, "cannot be read") from None
    if not isinstance(values, dict):
        raise _damaged(directory, path.name, "holds no JSON object")
    return values


def _check_plain(path: Path, directory: Path) -> None:
    if path.is_symlink() or not path.is_file():
        raise _damaged(directory, path.name, "is missing or no regular file")


def _damaged(directory: Path, name: str, what: str) -> ArtifactError:
    return ArtifactError(
        f"{name} of the model {directory.name} {what}; "
        "restore it from a backup, or train again and promote the new version"
    )
