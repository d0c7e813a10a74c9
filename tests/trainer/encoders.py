"""Tiny, random base models of every kind that can be trained, written as the hub has them."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    DistilBertConfig,
    DistilBertModel,
    DistilBertTokenizer,
    ElectraConfig,
    ElectraForPreTraining,
    ElectraTokenizer,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789@:!."
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
SPREAD = {"initializer_range": 0.2}


def wordpieces(words: list[str]) -> dict[str, int]:
    """A vocabulary of words and letters for a WordPiece tokenizer."""
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *LETTERS]
    vocabulary += [f"##{letter}" for letter in LETTERS]
    return {word: index for index, word in enumerate(dict.fromkeys(vocabulary))}


def save_distilbert(directory: Path, words: list[str]) -> None:
    """DistilBERT: no pooler, no token types, sizes under names of its own."""
    vocabulary = wordpieces(words)
    config = DistilBertConfig(
        vocab_size=len(vocabulary),
        dim=32,
        n_layers=2,
        n_heads=4,
        hidden_dim=48,
        max_position_embeddings=64,
        **SPREAD,
    )
    DistilBertModel(config).save_pretrained(directory)
    DistilBertTokenizer(vocab=vocabulary).save_pretrained(directory)


def save_electra(directory: Path, words: list[str]) -> None:
    """ELECTRA's discriminator: narrower embeddings, and a head that is not needed."""
    vocabulary = wordpieces(words)
    config = ElectraConfig(
        vocab_size=len(vocabulary),
        embedding_size=16,
        hidden_size=32,
        max_position_embeddings=64,
        **SIZES,
        **SPREAD,
    )
    ElectraForPreTraining(config).save_pretrained(directory)
    ElectraTokenizer(vocab=vocabulary).save_pretrained(directory)


def save_modernbert(directory: Path, words: list[str]) -> None:
    """ModernBERT: rotated positions, local attention, a byte-level tokenizer.json."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: index for index, word in enumerate([*special, *letters])}
    rules = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    rules.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rules.decoder = decoders.ByteLevel()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    rules.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    config = ModernBertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        max_position_embeddings=128,
        local_attention=16,
        pad_token_id=0,
        bos_token_id=2,
        cls_token_id=2,
        eos_token_id=3,
        sep_token_id=3,
        **SIZES,
    )
    ModernBertForMaskedLM(config).save_pretrained(directory)
    names = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    named = dict(zip(names, special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=rules, **named).save_pretrained(directory)


def save_bertweet(directory: Path, words: list[str]) -> None:
    """BERTweet: RoBERTa's network, and a tokenizer of two text files."""
    pieces = [*LETTERS, *(f"{letter}@@" for letter in LETTERS), "@USER", "HTTPURL"]
    config = RobertaConfig(
        vocab_size=len(pieces) + 5,
        hidden_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
        tokenizer_class="BertweetTokenizer",
        **SIZES,
        **SPREAD,
    )
    RobertaForMaskedLM(config).save_pretrained(directory)
    lines = [f"{piece} {100 - place}" for place, piece in enumerate(pieces)]
    (directory / "vocab.txt").write_text("\n".join(lines) + "\n")
    merges = ["@ U 9", "@U S 8", "@US E 7", "@USE R</w> 6"]
    merges += ["H T 5", "HT T 4", "HTT P 3", "HTTP U 2", "HTTPU R 1", "HTTPUR L</w> 1"]
    (directory / "bpe.codes").write_text("\n".join(merges) + "\n")


SAVERS = {
    "distilbert": save_distilbert,
    "electra": save_electra,
    "modernbert": save_modernbert,
    "bertweet": save_bertweet,
}


def save_tiny(kind: str, directory: Path, words: list[str]) -> Path:
    """Write a tiny random model of a kind, with all that a hub repository would hold."""
    directory.mkdir(parents=True)
    torch.manual_seed(5)
    SAVERS[kind](directory, words)
    json.loads((directory / "config.json").read_text())
    return directory
