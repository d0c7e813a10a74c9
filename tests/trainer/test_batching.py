"""Batches: like lengths together, nothing lost, [SEP] kept, identical texts once."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.base_model import find_base_model
from trainer.batching import (
    TOKENS,
    TextMapper,
    pad,
    pieces,
    prediction_batches,
    run_over,
    shares,
    tokenise,
    training_batches,
)
from trainer.errors import Cancelled
from trainer.families import load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_bert):
    base = find_base_model(str(tiny_bert))
    return load_tokenizer(base.directory, base.config)


def test_a_long_text_is_cut_and_keeps_its_separator(tokenizer):
    short, long = tokenise(tokenizer, ["the hoax", "the " * 100], 10)
    assert len(short) == 4
    assert len(long) == 10
    assert short[-1] == long[-1] == tokenizer.sep_token_id
    assert short[0] == tokenizer.cls_token_id


def test_odd_texts_are_tokenised(tokenizer):
    rows = tokenise(tokenizer, ["", "\x00", "😀" * 500, "\ud800 alone", "[SEP] [CLS]"], 16)
    assert all(2 <= len(row) <= 16 for row in rows)


@given(
    lengths=st.lists(st.integers(2, 60), min_size=1, max_size=300),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 5),
)
def test_an_epoch_holds_every_example_once(lengths, batch_size, seed):
    batches = training_batches(lengths, batch_size, seed=seed, epoch=0)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)


def test_epochs_differ_and_one_seed_repeats():
    lengths = list(range(2, 62)) * 10
    first = training_batches(lengths, 8, seed=1, epoch=0)
    again = training_batches(lengths, 8, seed=1, epoch=0)
    other = training_batches(lengths, 8, seed=1, epoch=1)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert any((a != b).any() for a, b in zip(first, other, strict=True))


def test_batches_of_like_length_are_hardly_padded():
    lengths = np.random.default_rng(0).normal(38, 9, 8000).clip(5, 64).astype(int).tolist()
    batches = training_batches(lengths, 32, seed=0, epoch=0)
    padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
    assert padded / sum(lengths) < 1.03


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 300))
def test_a_batch_is_cut_into_pieces_in_its_order_none_longer_than_asked(lengths, tokens):
    batch = np.arange(len(lengths))[::-1]
    cut = list(pieces(batch, lengths, tokens=tokens))
    assert [place for piece in cut for place in piece] == batch.tolist()
    sizes = [max(lengths[place] for place in piece) * len(piece) for piece in cut]
    assert all(size <= tokens or len(piece) == 1 for size, piece in zip(sizes, cut, strict=True))


@given(st.lists(st.integers(1, 45), max_size=64), st.integers(1, 5))
def test_shares_of_a_batch_hold_each_text_once_and_are_alike(lengths, count):
    batch = np.argsort(lengths)
    cut = shares(batch, lengths, count)
    assert sorted(place for share in cut for place in share) == list(range(len(lengths)))
    assert len(cut) == min(count, len(lengths))
    sizes = [len(share) for share in cut]
    assert not sizes or max(sizes) - min(sizes) <= 1


def test_a_share_is_no_longer_than_its_thread_may_hold():
    cut = shares(np.arange(64), [96] * 64, 2)
    assert [len(share) for share in cut] == [16, 16, 16, 16]


@given(st.lists(st.integers(1, 50), max_size=200))
def test_prediction_batches_hold_each_text_once_within_their_size(lengths):
    batches = prediction_batches(lengths, tokens=100)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    assert all(len(b) == 1 or max(lengths[i] for i in b) * len(b) <= 100 for b in batches)


@given(st.lists(st.integers(1, 96), max_size=900), st.integers(1, 8))
def test_threads_get_each_text_once_and_like_shares(lengths, threads):
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(torch, "get_num_threads", lambda: threads)
        machine.setattr(torch.cuda, "is_available", lambda: False)
        batches = prediction_batches(lengths)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    padded = [max(lengths[i] for i in batch) * len(batch) for batch in batches]
    assert max(padded, default=0) <= 2 * TOKENS


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_batches_of_many_texts_are_alike_and_as_many_for_each_thread(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lengths = np.random.default_rng(0).normal(38, 9, 2000).clip(15, 64).astype(int).tolist()
    batches = prediction_batches(lengths)
    sizes = [sum(lengths[i] for i in batch) for batch in batches]
    assert len(batches) % threads == 0
    assert max(sizes) - min(sizes) <= 2 * max(lengths)
    assert TOKENS - threads * 64 <= max(sizes) <= TOKENS + max(lengths)


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_few_texts_are_shared_by_threads_or_are_one_batch(threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    def tokens_of(texts):
        return [30 * len(batch) for batch in prediction_batches([30] * texts)]

    many = tokens_of(3000 * threads)
    assert 1950 <= min(many) <= max(many) <= 2078  # as many as fit, and one
    assert tokens_of(10 * threads) == [300] * threads
    assert tokens_of(8) == [240]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert tokens_of(60) == [1800]


def test_short_texts_are_not_padded_to_a_long_one_without_end(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    lengths = [3] * 600 + [96]
    cut = prediction_batches(lengths)
    assert max(max(lengths[i] for i in batch) * len(batch) for batch in cut) <= 4096


def test_a_mask_is_made_only_where_there_is_padding():
    assert pad([[1, 2], [3, 4]], 0).mask is None
    batch = pad([[1, 2, 3], [4]], 9)
    assert batch.ids.tolist() == [[1, 2, 3], [4, 9, 9]]
    assert batch.mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_rows_come_in_the_order_of_the_texts_and_identical_texts_once(tokenizer):
    seen, told = [], []

    def lengths(batch):
        seen.append(len(batch))
        return torch.tensor([[float(len(row))] for row in batch])

    def computing(chunk):
        assert len(chunk) == 3
        return lengths

    mapper = TextMapper(tokenizer, 32, 1)
    texts = ["the a", "the", "the a", "the a of", "the"]
    rows = mapper(texts, computing, on_progress=lambda done, total: told.append((done, total)))
    assert rows[:, 0].tolist() == [4, 3, 4, 5, 3]
    assert sum(seen) == 3
    assert told[-1] == (3, 3)
    assert mapper([], computing).shape == (0, 1)
    with pytest.raises(Cancelled, match="of 3 texts"):
        mapper(texts, computing, should_stop=lambda: True)


def test_texts_of_the_same_tokens_are_computed_once_and_all_counted():
    seen, told = [], []

    def first(rows):
        seen.extend(rows)
        return torch.tensor([[float(row[0])] for row in rows])

    found = run_over([[7, 1], [5], [7, 1], [5], [9]], first, width=1, after_batch=told.append)
    assert found[:, 0].tolist() == [7, 5, 7, 5, 9]
    assert sorted(seen) == [[5], [7, 1], [9]]
    assert told[-1] == 5


def test_a_long_prediction_gives_memory_back_now_and_then(monkeypatch):
    told = []
    monkeypatch.setattr("trainer.batching.TIDY_EVERY", 2)
    monkeypatch.setattr("trainer.batching.give_back", lambda: told.append(len(done)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = []
    texts = [[number] * TOKENS for number in range(5)]
    run_over(texts, lambda rows: torch.zeros(len(rows), 1), width=1, after_batch=done.append)
    assert done == [1, 2, 3, 4, 5]
    assert told == [1, 3]
