"""Texts one after the other: where each lies, in attention and back, and sizes that come back."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.packing import (
    FEW_ROWS,
    ROW_STEP,
    Texts,
    first_rows,
    means,
    pack,
    pad_for_attention,
    unpad,
)

some_lengths = st.lists(st.integers(1, 40), min_size=1, max_size=30).map(tuple)


def test_tokens_follow_each_other_and_some_rows_belong_to_none():
    batch = pack([[5, 6, 7], [8], [9, 4]])
    assert batch.ids.tolist() == [5, 6, 7, 8, 9, 4, 0, 0]
    assert batch.places.tolist() == [0, 1, 2, 0, 0, 1, 0, 0]
    assert batch.texts.lengths == (3, 1, 2)
    assert batch.texts.starts.tolist() == [0, 3, 4]


@given(some_lengths)
def test_the_way_to_attention_and_back_loses_nothing(lengths):
    texts = Texts(lengths)
    rows = torch.arange(texts.rows * 12.0).view(-1, 12)
    by_head = pad_for_attention(rows, texts, 3, 2)
    assert by_head.shape == (3, 2 * len(lengths), texts.length, 2)
    back = unpad(list(by_head), texts, 2)
    assert torch.equal(back[: texts.tokens], rows[: texts.tokens])
    assert not back[texts.tokens :].any()
    counted = pad_for_attention(rows, texts, 3, 2, counted=True)
    assert torch.equal(counted[..., :2], by_head)
    tokens = counted[..., 2].sum(-1).view(3, len(lengths), 2)
    assert (tokens == torch.tensor(lengths)[None, :, None]).all()


@given(some_lengths)
def test_a_texts_rows_are_its_own(lengths):
    texts = Texts(lengths)
    rows = torch.randn(texts.rows, 4)
    apart = rows[: texts.tokens].split(lengths)
    assert torch.equal(first_rows(rows, texts), torch.stack([text[0] for text in apart]))
    wanted = torch.stack([text.mean(0) for text in apart])
    assert torch.allclose(means(rows, texts), wanted, atol=1e-6)
    ruled_out = [int(torch.isinf(mask).sum()) for mask in texts.mask]
    assert ruled_out == [texts.length - length for length in lengths]


@given(st.integers(FEW_ROWS, 4096))
def test_sizes_come_back(tokens):
    rows = Texts((tokens,)).rows
    assert rows % ROW_STEP == 0
    assert tokens <= rows < tokens + ROW_STEP


@pytest.mark.parametrize(("tokens", "rows"), [(1, 8), (8, 8), (9, 16), (255, 256)])
def test_few_rows_are_hardly_more(tokens, rows):
    assert Texts((tokens,)).rows == rows
