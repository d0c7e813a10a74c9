"""Known words: the first layer of texts comes out as it does word by word."""

import numpy as np
import pytest
import torch
from tiny_models import save_tiny_bert

from trainer.base_model import find_base_model
from trainer.batching import TOKENS
from trainer.bert_layers import encoder_states
from trainer.families import load_encoder
from trainer.fused import fused_layers
from trainer.packing import pack
from trainer.words import know_words

pytestmark = pytest.mark.skipif(
    torch.cuda.is_available() or not torch.ops.mkldnn._is_mkldnn_bf16_supported(),
    reason="models run on a GPU here, or the processor has no bfloat16",
)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    base = find_base_model(str(save_tiny_bert(tmp_path_factory.mktemp("words"))))
    return load_encoder(base.directory, base.config)


def texts_of(words, *, tokens=5 * TOKENS):
    """Texts of 3 to 20 tokens, of so many words."""
    random = np.random.default_rng(0)
    found = []
    while sum(map(len, found)) < tokens:
        found.append(random.integers(0, words, random.integers(3, 21)).tolist())
    return found


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("first_alone", [False, True])
def test_states_are_those_of_the_layers_alone(encoder, dtype, first_alone, monkeypatch):
    monkeypatch.setattr("trainer.fused.gains_from_onednn", lambda: True)
    layers = fused_layers(encoder, dtype, first_alone=first_alone)
    texts = texts_of(40)
    known = know_words(encoder, layers, texts)
    assert known is not None
    with torch.inference_mode():
        for some in (texts[:60], texts[-1:]):
            batch = pack(some)
            wanted = encoder_states(encoder, batch, layers)
            found = encoder_states(encoder, batch, layers, first=known)
            real = slice(len(some) if first_alone else batch.texts.tokens)
            assert torch.allclose(found[real].float(), wanted[real].float(), atol=1e-5)


def test_words_are_known_only_where_that_pays(encoder):
    layers = fused_layers(encoder, torch.bfloat16)
    assert know_words(encoder, layers, texts_of(40, tokens=TOKENS)) is None  # too few
    assert know_words(encoder, None, texts_of(40)) is None  # transformers computes
    assert know_words(encoder, layers[-1:], texts_of(40)) is None  # nothing below the last
    rare = [list(range(row * 50, row * 50 + 50)) for row in range(200)]
    assert know_words(encoder, layers, rare) is None  # hardly a word comes twice
