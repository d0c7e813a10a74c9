"""The kinds of encoder that can be used, by their concrete classes, and how they are loaded.

Never Auto*: a configuration cannot talk this program into loading something else.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizer,
    BertweetTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertTokenizer,
    ElectraConfig,
    ElectraForSequenceClassification,
    ElectraModel,
    ElectraTokenizer,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    ModernBertModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)

from trainer.architectures import architecture_of
from trainer.errors import BaseModelError
from trainer.links import set_links
from trainer.model_files import BPE_CODES, one_line
from trainer.quiet import quiet_transformers


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
    "electra": Family(
        ElectraConfig, ElectraModel, ElectraForSequenceClassification, ElectraTokenizer
    ),
    "distilbert": Family(
        DistilBertConfig,
        DistilBertModel,
        DistilBertForSequenceClassification,
        DistilBertTokenizer,
    ),
    "modernbert": Family(
        ModernBertConfig,
        ModernBertModel,
        ModernBertForSequenceClassification,
        PreTrainedTokenizerFast,
    ),
}


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
    with quiet_transformers():
        try:
            settings = encoder_config(config, dropout=dropout)
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
        except MemoryError:
            raise
        except Exception as error:  # a configuration that cannot be raises a dozen unrelated types
            raise BaseModelError(f"{directory.name} does not load: {one_line(error)}") from error
    odd = {key for key in report["missing_keys"] if complete or not key.startswith("pooler.")}
    odd |= {str(key) for key in report["mismatched_keys"]}
    odd |= set(report["unexpected_keys"]) if complete else set()
    if odd:
        raise BaseModelError(
            f"the weights in {directory.name} do not fit its config.json: "
            f"{', '.join(sorted(odd)[:3])}; its files do not belong together"
        )
    encoder: torch.nn.Module = model.eval()
    if not all(weights.isfinite().all() for weights in encoder.parameters()):
        raise BaseModelError(f"the weights in {directory.name} hold what is no number; get it anew")
    return encoder


def encoder_config(config: dict[str, Any], *, dropout: float | None = None) -> Any:
    """The configuration object of a checked `config`, with the encoder's dropout set if given."""
    values = {key: value for key, value in config.items() if key != "_name_or_path"}
    if dropout is not None:
        values |= dict.fromkeys(architecture_of(config).dropouts, dropout)
    return FAMILIES[config["model_type"]].config(**values)


def load_tokenizer(directory: Path, config: dict[str, Any], *, links: str = "short") -> Any:
    """The tokenizer of a checked model directory. links: short or whole (trainer.links)."""
    with quiet_transformers():
        try:
            if (directory / BPE_CODES).exists():
                return _bertweet_tokenizer(directory)
            tokenizer = FAMILIES[config["model_type"]].tokenizer.from_pretrained(
                str(directory), local_files_only=True, trust_remote_code=False
            )
            if architecture_of(config).type_rows is None:
                tokenizer.model_input_names = ["input_ids", "attention_mask"]
            set_links(tokenizer, links)
            tokenizer("A first word ☂")  # one without a word for what is unknown says so now
        except Exception as error:  # the Rust tokenizer raises bare Exception
            raise BaseModelError(
                f"the tokenizer in {directory.name} does not load: {one_line(error)}"
            ) from error
    if len(tokenizer) > config["vocab_size"]:
        raise BaseModelError(
            f"the tokenizer in {directory.name} has {len(tokenizer):,} words, the model "
            f"{config['vocab_size']:,}; its files do not belong together"
        )
    return tokenizer


def _bertweet_tokenizer(directory: Path) -> BertweetTokenizer:
    """BERTweet's own tokenizer, which turns @names and links into two words of its own.

    Emoji stay as they are, whether or not a package that spells them out is installed: what a
    model makes of a tweet must not hang on that.
    """
    tokenizer = BertweetTokenizer.from_pretrained(
        str(directory), local_files_only=True, trust_remote_code=False, normalization=True
    )
    tokenizer.demojizer = None
    return tokenizer


def round_to_bf16(encoder: torch.nn.Module) -> None:
    """Round an encoder's weights to bfloat16; what is no weight (ModernBERT's angles) stays."""
    exact = {name: values for name, values in encoder.named_buffers() if values.is_floating_point()}
    encoder.to(torch.bfloat16)
    for name, values in exact.items():
        owner, _, own_name = name.rpartition(".")
        setattr(encoder.get_submodule(owner), own_name, values)
