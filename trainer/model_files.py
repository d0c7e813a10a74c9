"""A model directory's files, checked before anything in them is loaded.

Only plain files are trusted: safetensors weights and a fast tokenizer. Whatever a directory says
about code of its own is refused.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trainer.architectures import MODEL_TYPES, architecture_of
from trainer.errors import BaseModelError
from trainer.links import RULES
from trainer.weights import check_weights

WEIGHTS = "model.safetensors"
BPE_CODES = "bpe.codes"  # BERTweet's merges; no other tokenizer has this file
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    BPE_CODES,
)
FILES = ("config.json", WEIGHTS, *TOKENIZER_FILES)
LARGEST_JSON = 64 * 2**20  # xlm-roberta's tokenizer.json is 9 MB
# Compared letter by letter: any other regular expression could be made to run for ever.
_HARMLESS_PATTERNS = {
    " {2,}",  # xlm-roberta's
    *(pattern for pattern, _ in RULES),
    # GPT-2's, which byte-level tokenizers such as ModernBERT's may spell out
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}


def check_directory(directory: Path, *, what: str) -> dict[str, Any]:
    """Check a model directory's files before anything is loaded; return its configuration.

    Raises BaseModelError, naming `what` and the file.
    """
    config = read_json(directory / "config.json", what=what)
    if config.get("model_type") not in MODEL_TYPES:
        raise BaseModelError(
            f"{what} is of type {config.get('model_type')!r}; "
            f"only {', '.join(MODEL_TYPES)} can be used"
        )
    _check_values(config, what)
    for name in ("config.json", "tokenizer_config.json"):
        if name == "config.json" or (directory / name).exists():
            _refuse_own_code(read_json(directory / name, what=what), name, what)
    _check_tokenizer_file(directory, what)
    plain_file(directory / WEIGHTS, what=what, root=directory)
    check_weights(directory / WEIGHTS, config, what=what)
    return config


def _check_values(config: dict[str, Any], what: str) -> None:
    """Refuse what would be noticed late, or not at all: after the training, or in a package."""
    if config.get("is_decoder"):
        raise BaseModelError(f"{what} is a decoder; only encoders can be used")
    for name in architecture_of(config).dropouts:
        value = config.get(name, 0.0)
        if not isinstance(value, int | float) or not 0 <= value < 1:
            raise BaseModelError(f"config.json of {what}: {name} is {value!r}, not 0 to below 1")


def plain_file(path: Path, *, what: str, root: Path) -> None:
    """Refuse what is no regular file inside `root` (or inside the hub's own cache)."""
    try:
        mode = path.stat().st_mode
    except OSError:
        raise BaseModelError(f"{what} has no readable {path.name}") from None
    if not stat.S_ISREG(mode):
        raise BaseModelError(f"{path.name} of {what} is no regular file")
    real = path.resolve()
    if not (real.is_relative_to(root.resolve()) or real.is_relative_to(_hub_cache())):
        raise BaseModelError(f"{path.name} of {what} is a link that leaves its directory")


def read_json(path: Path, *, what: str) -> dict[str, Any]:
    """A JSON object from a regular file of sane size. Raises BaseModelError."""
    _check_size(path, what)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BaseModelError(f"{path.name} of {what} is no JSON: {one_line(error)}") from None
    if not isinstance(values, dict):
        raise BaseModelError(f"{path.name} of {what} holds no JSON object")
    return values


def _check_size(path: Path, what: str) -> None:
    plain_file(path, what=what, root=path.parent)
    if path.stat().st_size > LARGEST_JSON:
        raise BaseModelError(f"{path.name} of {what} is larger than {LARGEST_JSON >> 20} MiB")


def _refuse_own_code(values: dict[str, Any], file: str, what: str) -> None:
    text = json.dumps(values)
    for key in ("auto_map", "trust_remote_code", "custom_pipelines"):
        if f'"{key}"' in text:
            raise BaseModelError(
                f"{file} of {what} asks to run code of its own ({key}); it is not loaded"
            )


def _check_tokenizer_file(directory: Path, what: str) -> None:
    for name in TOKENIZER_FILES:
        if (directory / name).exists():
            _check_size(directory / name, what)
    if not (directory / "tokenizer.json").exists():
        if not any((directory / name).exists() for name in ("vocab.txt", "vocab.json")):
            raise BaseModelError(f"{what} has no tokenizer.json and no vocabulary")
        return
    values = read_json(directory / "tokenizer.json", what=what)
    rules = [values.get(key) for key in ("normalizer", "pre_tokenizer", "post_processor")]
    strange = set(_patterns(rules)) - _HARMLESS_PATTERNS
    if strange:
        raise BaseModelError(
            f"tokenizer.json of {what} brings a regular expression of its own "
            f"({min(strange)[:60]!r}), which could hang on some text; it is not loaded"
        )


def _patterns(rules: Any) -> Iterator[str]:
    """Every regular expression within a tokenizer's rules."""
    waiting = [rules]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "Regex" in item:
                yield str(item["Regex"])
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE).resolve()


def one_line(error: BaseException) -> str:
    """The first line of an error's message."""
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
