"""A real, tiny BERT with its own tokenizer, and tweets that it can learn within seconds."""

import pytest
import torch
from tiny_models import make_examples, save_tiny_bert
from transformers import (
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
)

from trainer.callbacks import NullCallbacks
from trainer.config import TrainConfig
from trainer.data import LabelInfo


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("base") / "tiny-bert")


@pytest.fixture(scope="session")
def tiny_roberta(tmp_path_factory):
    directory = tmp_path_factory.mktemp("base") / "tiny-roberta"
    letters = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghijklmnopqrstuvwxyz", "Ġ"]
    torch.manual_seed(4)
    config = RobertaConfig(
        vocab_size=len(letters),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=66,
        type_vocab_size=1,
        initializer_range=0.2,
    )
    RobertaModel(config).save_pretrained(directory)
    words = {word: index for index, word in enumerate(letters)}
    RobertaTokenizer(vocab=words, merges=[]).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def labels():
    return [
        LabelInfo("-1", "Anti", "It is a hoax, a lie."),
        LabelInfo("0", "Neutral", "The weather today."),
        LabelInfo("1", "Pro", "Act now: it is a crisis."),
        LabelInfo("2", "News", "Scientists report a study."),
    ]


@pytest.fixture(scope="session")
def examples():
    return make_examples(160)


@pytest.fixture
def quick(tiny_bert):
    """Settings that fit the tiny model within a second or two."""
    return TrainConfig(
        base_model=str(tiny_bert),
        epochs=3,
        learning_rate=3e-3,
        batch_size=8,
        max_length=32,
        threads=1,
        precision="fp32",
    )


class Recorder(NullCallbacks):
    """Callbacks that keep what they are told, and stop after a number of steps."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.total, self.steps, self.epochs = None, [], []
        self.compiling = 0

    def on_prepare(self, done, total):
        self.prepared = (done, total)

    def on_compile(self):
        self.compiling += 1

    def on_start(self, total_steps):
        self.total = total_steps

    def on_step(self, report):
        self.steps.append(report)

    def on_epoch(self, report):
        self.epochs.append(report)

    def should_stop(self):
        return self.stop_after is not None and len(self.steps) >= self.stop_after


@pytest.fixture
def recorder():
    return Recorder


@pytest.fixture
def two_threads():
    """Torch has two threads here, whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
