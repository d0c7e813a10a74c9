"""Layers are compiled where that is measured to be faster, and compute the same."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from encoders import save_tiny
from tiny_models import FILLER, WORDS, make_examples

from trainer import compiling, predict, prelabelling
from trainer.artifacts import publish
from trainer.compiling import WORTH, has_compiler, settle_layers
from trainer.families import load_encoder
from trainer.model_files import check_directory
from trainer.predict import load_classifier
from trainer.reproducing import as_measured
from trainer.train import train

pytestmark = pytest.mark.filterwarnings("ignore")  # torch warns of its own parts

WORDS_OF_ALL = [word for several in WORDS.values() for word in several] + FILLER
BATCH = torch.randint(5, 60, (4, 9), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A tiny DistilBERT: its layers are computed by transformers, not by our own code."""
    return save_tiny("distilbert", tmp_path_factory.mktemp("base") / "distilbert", WORDS_OF_ALL)


@pytest.fixture
def encoder(directory):
    return load_encoder(directory, check_directory(directory, what="a test"))


def compiled(encoder):
    found = {layer._compiled_call_impl is not None for layer in encoder.transformer.layer}
    assert len(found) == 1
    return found == {True}


@pytest.fixture
def timed(monkeypatch, encoder):
    """Say how long a piece of work takes compiled and as it is; return what was measured."""
    measured = []

    def of(*, as_it_is, when_compiled):
        def seconds_of(work):
            work()
            measured.append("compiled" if compiled(encoder) else "as it is")
            return when_compiled if compiled(encoder) else as_it_is

        monkeypatch.setattr(compiling, "seconds_of", seconds_of)
        monkeypatch.setattr(compiling, "has_compiler", lambda: True)
        monkeypatch.setattr(compiling, "compile_layers", traced)
        return measured

    return of


def traced(encoder):
    """Torch's own compiling, but for the compiler: seconds less."""
    for layer in encoder.transformer.layer:
        layer.compile(dynamic=True, backend="eager")
    return [layer._compiled_call_impl for layer in encoder.transformer.layer]


def work_of(encoder):
    return lambda: encoder(input_ids=BATCH).last_hidden_state


@pytest.mark.parametrize(("when_compiled", "chosen"), [(0.8, True), (0.97, False), (1.2, False)])
def test_the_faster_way_is_taken(timed, encoder, when_compiled, chosen):
    measured = timed(as_it_is=1.0, when_compiled=when_compiled)
    assert settle_layers(encoder, work_of(encoder), times=WORTH) is chosen
    assert compiled(encoder) is chosen
    assert measured.count("compiled") == compiling.TRIES


def test_work_that_ends_before_compiling_pays_is_not_compiled(timed, encoder):
    measured = timed(as_it_is=1.0, when_compiled=0.1)
    assert not settle_layers(encoder, work_of(encoder), times=WORTH - 1)
    assert not compiled(encoder)
    assert measured == ["as it is"]
    assert not settle_layers(encoder, work_of(encoder), times=compiling.LEAST - 1)
    assert measured == ["as it is"]


def test_a_slow_start_does_not_make_short_work_long(timed, encoder, monkeypatch):
    timed(as_it_is=1.0, when_compiled=0.1)
    first = iter([9.0])
    monkeypatch.setattr(compiling, "seconds_of", lambda work: next(first, 0.001))
    assert not settle_layers(encoder, work_of(encoder), times=WORTH)
    assert not compiled(encoder)


def test_what_is_wanted_is_not_measured(timed, encoder):
    measured = timed(as_it_is=1.0, when_compiled=9.0)
    assert settle_layers(encoder, work_of(encoder), times=1, wanted="yes")
    assert compiled(encoder)
    assert not settle_layers(encoder, work_of(encoder), times=9 * WORTH, wanted="no")
    assert not compiled(encoder)
    assert measured == []


def test_without_a_compiler_nothing_changes(timed, encoder, monkeypatch):
    timed(as_it_is=1.0, when_compiled=0.1)
    monkeypatch.setattr(compiling, "has_compiler", lambda: False)
    assert not settle_layers(encoder, work_of(encoder), times=WORTH, wanted="yes")
    assert not compiled(encoder)


def test_what_cannot_be_compiled_is_computed_as_it_is(timed, encoder, monkeypatch, caplog):
    timed(as_it_is=1.0, when_compiled=0.1)

    def broken(graph, inputs):
        raise RuntimeError("no space left on device")

    def compile_badly(encoder):
        for layer in encoder.transformer.layer:
            layer.compile(backend=broken)
        return []

    monkeypatch.setattr(compiling, "compile_layers", compile_badly)
    before = work_of(encoder)()
    assert not settle_layers(encoder, work_of(encoder), times=WORTH)
    assert "no space left on device" in caplog.text
    assert torch.equal(work_of(encoder)(), before)


def test_layers_that_we_compute_ourselves_are_left_alone(timed, tiny_bert):
    bert = load_encoder(tiny_bert, check_directory(tiny_bert, what="a test"))
    assert not settle_layers(bert, lambda: pytest.fail("tried"), times=WORTH, wanted="yes")


@pytest.mark.slow
@pytest.mark.skipif(not has_compiler(), reason="no C++ compiler")
def test_a_compiled_training_learns_the_same_and_resumes_to_the_same_weights(
    directory, quick, labels, tmp_path, recorder, two_threads
):
    examples = make_examples(160)
    config = replace(quick, base_model=str(directory), epochs=2, batch_size=32, threads=2)

    def run(name, watch, compiled):
        chosen, work = replace(config, compiled=compiled), tmp_path / name
        return train(examples, labels, chosen, work=work, cache=tmp_path, callbacks=watch)

    plain, watched = recorder(), recorder()
    assert not run("plain", plain, "no").compiled
    whole = run("whole", watched, "yes")
    assert whole.compiled
    assert [watch.compiling for watch in (plain, watched)] == [0, 1]
    losses = [[step.loss for step in watch.steps] for watch in (plain, watched)]
    assert np.allclose(*losses, rtol=1e-3)

    run("cut", recorder(stop_after=watched.total // 2 + 1), "yes")
    # a resumed training goes on as it began, whatever the settings say since
    resumed = run("cut", recorder(), "no")
    assert resumed.compiled
    expected, found = whole.classifier.parts()[0], resumed.classifier.parts()[0]
    for name, weight in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight), name


@pytest.fixture
def asked(monkeypatch):
    """What predictions asked: for how many pieces of work to compile, and what was wanted."""
    found = []

    def settle(encoder, work, *, times, wanted):
        work()
        found.append((times, wanted))
        return False

    monkeypatch.setattr(predict, "settle_layers", settle)
    monkeypatch.setattr(predict, "SAMPLE", 32)
    return found


@pytest.fixture
def published(directory, quick, examples, labels, tmp_path):
    config = replace(quick, base_model=str(directory), epochs=1)
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path)
    return publish(tmp_path / "models", trained.write, {}).directory


def test_long_predictions_ask_once_whether_to_compile(published, examples, asked, monkeypatch):
    texts = [example.text for example in examples]
    monkeypatch.setattr(predict, "MANY", len(texts))
    classifier = load_classifier(published, precision="fp32")  # bfloat16 hangs on the batches
    few = classifier.probabilities(texts[1:])
    assert asked == []
    for _ in range(2):
        many = classifier.probabilities(texts)
    assert asked == [(pytest.approx(len(texts) / predict.SAMPLE, rel=0.1), "auto")]
    assert np.allclose(many[1:], few, atol=1e-5)


def test_prelabelling_asks_for_all_tweets_though_it_has_them_in_chunks(
    published, examples, asked, monkeypatch, tmp_path
):
    monkeypatch.setattr(prelabelling, "CHUNK", 40)
    monkeypatch.setattr(predict, "MANY", len(examples))
    tweets = [SimpleNamespace(tweet_id=row, text=e.text) for row, e in enumerate(examples)]
    left, kept = list(tweets), []

    def fetch(limit):
        chunk, left[:] = left[:limit], left[limit:]
        return chunk

    prelabelling.predict_stream(
        load_classifier(published),
        fetch,
        kept.extend,
        total=len(tweets),
        cache=tmp_path,
        progress=lambda done: None,
        should_stop=lambda: False,
    )
    assert [row["tweet_id"] for row in kept] == list(range(len(tweets)))
    assert asked == [(pytest.approx(len(tweets) / 40), "auto")]


def test_a_run_is_reproduced_as_it_was_computed(quick):
    assert as_measured(quick, {"compiled": True}).compiled == "yes"
    assert as_measured(quick, {"compiled": False}).compiled == "no"
    assert as_measured(quick, {"python": "3.11"}) == quick  # of a version before
    assert as_measured(quick, {"precision": "fp32"}).precision == "fp32"
    assert as_measured(quick, {"precision": "bf16"}).precision == "bf16"
