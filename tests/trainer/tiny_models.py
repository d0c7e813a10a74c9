"""A real, tiny BERT with its own tokenizer, and the words that it can learn within seconds."""

import random
from pathlib import Path

import torch
from transformers import BertConfig, BertModel, BertTokenizer

from trainer.data import Example

WORDS = {
    "-1": ["hoax", "scam", "fake", "lie"],
    "0": ["weather", "today", "walk", "coffee"],
    "1": ["act", "now", "crisis", "save"],
    "2": ["report", "study", "says", "scientists"],
}
FILLER = ["the", "a", "climate", "change", "is", "of", "we", "it", "and", "in", "rt", "@", ":", "!"]


def save_tiny_bert(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLER]
    vocabulary += [word for words in WORDS.values() for word in words]
    vocabulary += list("bdefghijklmnopqrsuvwxyz0123456789")
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(directory)
    words = {word: index for index, word in enumerate(vocabulary)}
    BertTokenizer(vocab=words).save_pretrained(directory)
    return directory


def make_examples(count: int, seed: int = 0) -> list[Example]:
    dice = random.Random(seed)
    values = list(WORDS)
    examples = []
    for number in range(count):
        label = values[number % len(values)]
        words = dice.choices(FILLER, k=dice.randint(1, 12)) + dice.choices(WORDS[label], k=3)
        dice.shuffle(words)
        split = ("train", "train", "train", "validation", "test")[number // 4 % 5]
        examples.append(Example(number, f"{' '.join(words)} {number}", label, split, number))
    return examples
