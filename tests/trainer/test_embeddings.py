"""The store of embeddings: computed once, safe against kills and neighbours."""

import multiprocessing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.embeddings import CHUNK, EmbeddingSpace, EmbeddingStore, embed_cached, text_keys
from trainer.errors import ArtifactError, Cancelled

SPACE = EmbeddingSpace(base_model="f00d", pooling="mean", max_length=96, precision="fp32", width=4)


class Encoder:
    """Counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked += texts
        return np.array([[len(text), text.count("a"), 1 / 3, 0] for text in texts], np.float32)


@given(texts=st.lists(st.text(max_size=5), max_size=30))
@settings(max_examples=40, deadline=None)
def test_what_is_cached_equals_what_is_computed(texts, tmp_path_factory):
    store = EmbeddingStore(tmp_path_factory.mktemp("cache"), SPACE)
    fresh = embed_cached(texts, Encoder(), store=None)
    embed_cached(texts[::2], Encoder(), store=store)
    assert (embed_cached(texts, Encoder(), store=store) == fresh).all()
    again = Encoder()
    assert (embed_cached(texts, again, store=store) == fresh).all()
    assert again.asked == []
    assert len(store) == len(set(texts))


def test_identical_texts_are_computed_once():
    encoder = Encoder()
    vectors = embed_cached(["b", "aa", "b"], encoder, store=None)
    assert sorted(encoder.asked) == ["aa", "b"]
    assert vectors.dtype == np.float32
    assert vectors[:, 0].tolist() == [1, 2, 1]


@pytest.mark.parametrize("file, extra", [("vectors.f16", b"torn"), ("keys.bin", b"\0" * 21)])
def test_what_a_kill_left_behind_is_cut_off_and_computed_again(tmp_path, file, extra):
    store = EmbeddingStore(tmp_path, SPACE)
    embed_cached(["a", "bb"], Encoder(), store=store)
    with (store.directory / file).open("ab") as handle:
        handle.write(extra)
    assert len(store) == 2
    embed_cached(["a", "ccc"], Encoder(), store=store)
    again = Encoder()
    vectors = embed_cached(["a", "bb", "ccc"], again, store=store)
    assert again.asked == []
    assert vectors[:, 0].tolist() == [1, 2, 3]


def test_rows_without_keys_are_not_believed(tmp_path):
    store = EmbeddingStore(tmp_path, SPACE)
    embed_cached(["a", "bb"], Encoder(), store=store)
    with (store.directory / "keys.bin").open("r+b") as handle:
        handle.truncate(16)
    again = Encoder()
    embed_cached(["a", "bb"], again, store=store)
    assert again.asked == ["bb"]


def _write(directory, start):
    store = EmbeddingStore(directory, SPACE)
    for number in range(start, start + 30):
        embed_cached(["x" * number], Encoder(), store=store)


def test_two_processes_can_add_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(tmp_path, start)) for start in (1, 31)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    again = Encoder()
    store = EmbeddingStore(tmp_path, SPACE)
    vectors = embed_cached(["x" * n for n in range(1, 61)], again, store=store)
    assert again.asked == []
    assert vectors[:, 0].tolist() == list(range(1, 61))


def test_a_stop_keeps_the_finished_chunks(tmp_path):
    texts = [f"{n:05}" for n in range(CHUNK + 5)]
    store, seen = EmbeddingStore(tmp_path, SPACE), []
    with pytest.raises(Cancelled):
        embed_cached(
            texts, Encoder(), store=store,
            on_progress=lambda done, total: seen.append((done, total)),
            should_stop=lambda: bool(seen),
        )  # fmt: skip
    assert seen == [(CHUNK, CHUNK + 5)]
    assert len(store) == CHUNK


def test_another_pooling_is_another_space():
    other = EmbeddingSpace("f00d", "cls", 96, "fp32", 4)
    assert other.name != SPACE.name


def test_a_wrong_width_is_refused_before_anything_is_written(tmp_path):
    store = EmbeddingStore(tmp_path, SPACE)
    with pytest.raises(ArtifactError, match="another base model"):
        store.append(text_keys(["a"]), np.zeros((1, 7)))
    assert len(store) == 0


def test_texts_with_lone_surrogates_have_keys():
    assert text_keys(["\ud800", "a"]).shape == (2, 2)
