"""What a hub name would fetch, and from whom, said before anything is fetched."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from trainer.config import BUNDLED_BASE_MODEL

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
FILES = ("config.json", "model.safetensors")
TOKENIZER = "the tokenizer's files"
SECONDS = 3.0  # a page waits for the answer


@dataclass(frozen=True)
class Download:
    """address: the model's page. files: what is fetched. megabytes: None where nobody answers.

    here: whether an earlier training has fetched it.
    """

    address: str
    files: tuple[str, ...]
    megabytes: float | None
    here: bool


def planned_download(name: str) -> Download | None:
    """Return what a base model's name would fetch; None for what is no hub name."""
    if name == BUNDLED_BASE_MODEL or Path(name).is_dir() or not HUB_NAME.fullmatch(name):
        return None
    address = f"huggingface.co/{name}"
    if _is_here(name):
        return Download(address, (), None, here=True)
    sizes = _sizes(name)
    if sizes is None:
        return Download(address, (*FILES, TOKENIZER), None, here=False)
    return Download(address, tuple(sizes), sum(sizes.values()) / 1e6, here=False)


def _is_here(name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "model.safetensors"), str)
    except HFValidationError:
        return False


def _sizes(name: str) -> dict[str, int] | None:
    """Return the bytes of each file that would be fetched; None when the hub does not say."""
    from huggingface_hub import HfApi

    from trainer.model_files import FILES as WANTED

    if os.environ.get("HF_HUB_OFFLINE"):
        return None
    try:
        found = HfApi().model_info(name, files_metadata=True, timeout=SECONDS)
    except Exception:  # the client raises a dozen unrelated types
        return None
    return {
        file.rfilename: int(file.size or 0)
        for file in found.siblings or []
        if file.rfilename in WANTED
    }
