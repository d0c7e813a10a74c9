"""Directories that are on disk whole or not at all: written beside, synced, then renamed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from trainer.errors import ArtifactError
from trainer.faults import fault_point

TEMPORARY = ".tmp-"


def place_directory(final: Path, write: Callable[[Path], None], *, faults: str) -> None:
    """Fill a temporary sibling by `write`, sync it, and rename it to `final`.

    faults: prefix of the fault points before_fsync, after_fsync, before_rename, after_rename.
    Raises ArtifactError when the disk refuses; nothing is left behind then.
    """
    parent = final.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = parent / f"{TEMPORARY}{uuid4().hex}"
        temporary.mkdir()
    except OSError as error:
        raise ArtifactError(f"{parent} cannot be written to: {error.strerror}") from error
    try:
        write(temporary)
        fault_point(f"{faults}before_fsync")
        sync_tree(temporary)
        fault_point(f"{faults}after_fsync")
        fault_point(f"{faults}before_rename")
        temporary.rename(final)
        fault_point(f"{faults}after_rename")
        sync_directory(parent)
    except Exception as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) or "os error" in str(error):  # safetensors' own class
            raise ArtifactError(
                f"{final.name} could not be written to {parent}: {error}; "
                "nothing was kept, free some disk space and try again"
            ) from error
        raise


def clear_temporary(parent: Path) -> None:
    """Remove what killed writers left in `parent`."""
    for leftover in parent.glob(f"{TEMPORARY}*"):
        shutil.rmtree(leftover, ignore_errors=True)


def sync_tree(directory: Path) -> None:
    """Force every file below `directory`, then the directories, to disk."""
    for path in directory.rglob("*"):
        if path.is_file():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        else:
            sync_directory(path)
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """Force a directory's entries to disk, so that a rename in it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a JSON object with sorted keys, so that equal facts give equal bytes."""
    path.write_text(json.dumps(values, indent=1, sort_keys=True) + "\n", encoding="utf-8")
