"""Every kind of encoder: loaded, trained, published, loaded again, packaged; nothing differs."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from encoders import SAVERS, save_tiny
from tiny_models import FILLER, WORDS
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from trainer.architectures import layers_of, width_of
from trainer.artifacts import publish
from trainer.base_model import find_base_model
from trainer.batching import longest_allowed, tokenise
from trainer.encoder import Encoder
from trainer.errors import BaseModelError
from trainer.families import load_encoder, load_tokenizer, round_to_bf16
from trainer.network import build_classifier, choose_trained
from trainer.package import CardFacts, package
from trainer.predict import load_classifier
from trainer.train import train

TEXTS = [
    "climate is a hoax",
    "scientists report https://t.co/aB3x9Yz01Q",
    "now! act",
    "a " * 200,
    "weather today @you",
]
CARD = CardFacts("p", 1, "probe", "tiny", ["Anti", "Neutral", "Pro", "News"])


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Return the directory of a tiny model of a kind."""
    words = [word for several in WORDS.values() for word in several] + FILLER
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = save_tiny(kind, tmp_path_factory.mktemp("encoders") / kind, words)
        return made[kind]

    return of


@pytest.mark.parametrize("kind", SAVERS)
def test_a_model_of_the_kind_is_found_checked_and_embeds(kind, tiny):
    encoder = Encoder.load(str(tiny(kind)), precision="fp32")
    vectors = encoder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), 32) == (len(TEXTS), width_of(encoder.base.config))
    assert np.isfinite(vectors).all()
    alone = encoder.embed(TEXTS[:1])
    assert np.allclose(vectors[0], alone[0], atol=1e-4)  # padding and neighbours change nothing


@pytest.mark.parametrize("pooling", ["cls", "mean"])
@pytest.mark.parametrize("kind", SAVERS)
def test_it_is_fine_tuned_published_loaded_and_packaged_with_equal_probabilities(
    kind, pooling, tiny, quick, examples, labels, tmp_path
):
    config = replace(quick, base_model=str(tiny(kind)), pooling=pooling, epochs=1)
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    again = load_classifier(published.directory, precision="fp32").probabilities(TEXTS)
    assert np.allclose(trained.classifier.probabilities(TEXTS), again, atol=1e-5)
    report = package(published.directory, tmp_path / "out", card=CARD)
    assert report.loader == "transformers"
    assert np.abs(by_transformers(tmp_path / "out") - again).max() < 1e-3


@pytest.mark.parametrize("ngrams", ["none", "join"])
@pytest.mark.parametrize("kind", SAVERS)
def test_a_probe_on_it_is_packaged_with_equal_probabilities(
    kind, ngrams, tiny, quick, examples, labels, tmp_path
):
    config = replace(quick, kind="probe", base_model=str(tiny(kind)), ngrams=ngrams)
    trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    package(published.directory, tmp_path / "out", card=CARD)
    ours = load_classifier(published.directory, precision="fp32").probabilities(TEXTS)
    theirs = by_transformers(tmp_path / "out")
    assert np.allclose(theirs.sum(axis=1), 1.0, atol=1e-5)
    if ngrams == "none":  # else load.py gives them, which packaging itself has tried
        assert np.abs(theirs - ours).max() < 1e-3


def by_transformers(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, truncation=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        return model(**batch).logits.softmax(-1).numpy()


@pytest.mark.parametrize("kind", SAVERS)
def test_only_the_chosen_layers_are_trained(kind, tiny, quick):
    base = find_base_model(str(tiny(kind)))
    for chosen, trained_layers in (("last_k", {1}), ("no_embeddings", {0, 1}), ("head", set())):
        config = replace(quick, base_model=str(tiny(kind)), trained_layers=chosen, last_k=1)
        network = build_classifier(load_encoder(base.directory, base.config), config, 4)
        choose_trained(network, config)
        found = {
            place
            for place, layer in enumerate(layers_of(network.encoder))
            if any(weight.requires_grad for weight in layer.parameters())
        }
        assert found == trained_layers
        words = network.encoder.get_input_embeddings().weight
        assert not words.requires_grad


@pytest.mark.parametrize("kind", SAVERS)
def test_dropout_inside_the_encoder_is_what_was_asked(kind, tiny):
    base = find_base_model(str(tiny(kind)))
    encoder = load_encoder(base.directory, base.config, dropout=0.3)
    found = {m.p for m in encoder.modules() if isinstance(m, torch.nn.Dropout)}
    assert found <= {0.3}


def test_rounding_to_bf16_keeps_modernberts_angles(tiny):
    base = find_base_model(str(tiny("modernbert")))
    encoder = load_encoder(base.directory, base.config)
    before = {name: values.clone() for name, values in encoder.named_buffers()}
    round_to_bf16(encoder)
    assert {weight.dtype for weight in encoder.parameters()} == {torch.bfloat16}
    assert before
    for name, values in encoder.named_buffers():
        assert torch.equal(values, before[name]), name


@pytest.mark.parametrize("kind", SAVERS)
def test_tokens_are_those_that_transformers_makes(kind, tiny):
    base = find_base_model(str(tiny(kind)))
    tokenizer = load_tokenizer(base.directory, base.config)
    texts = ["it is a hoax", "[SEP] the <s>", "", "act now " * 40, "RT @ada: the…", "é 😀 \x00"]
    for limit in (16, 60):
        wanted = tokenizer(texts, truncation=True, max_length=limit)["input_ids"]
        assert tokenise(tokenizer, texts, limit) == wanted
    padded = tokenizer(texts[:2], padding="max_length", max_length=20)["input_ids"]
    assert {len(row) for row in padded} == {20}  # the tokenizer is as it was


def test_bertweet_reads_names_and_links_as_words_of_their_own(tiny):
    base = find_base_model(str(tiny("bertweet")))
    tokenizer = load_tokenizer(base.directory, base.config)
    one, other = tokenise(
        tokenizer, ["@ada see https://t.co/abc", "@someone see http://x.org/y"], 60
    )
    assert one == other
    assert tokenizer.convert_tokens_to_ids("@USER") in one
    assert longest_allowed(base.config, 512) == 64
    assert len(tokenise(tokenizer, ["word " * 500], 64)[0]) == 64


DAMAGED = {
    "distilbert": ({"dim": 64}, "should be"),
    "electra": ({"embedding_size": 10**9}, "embedding_size"),
    "modernbert": ({"num_hidden_layers": 3}, "no such tensor"),
    "bertweet": ({"vocab_size": 999}, "word_embeddings"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_weights_that_do_not_fit_are_refused_before_they_are_loaded(kind, tiny, tmp_path):
    changes, reason = DAMAGED[kind]
    directory = shutil.copytree(tiny(kind), tmp_path / "model")
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(BaseModelError, match=reason):
        find_base_model(str(directory))


def test_only_the_known_pattern_of_a_byte_level_tokenizer_is_let_in(tiny, tmp_path):
    directory = shutil.copytree(tiny("modernbert"), tmp_path / "model")
    path = directory / "tokenizer.json"
    rules = json.loads(path.read_text())
    known = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    for pattern, refused in ((known, False), (known + "|(a+)+$", True)):
        split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
        split["invert"] = False
        byte_level = {**rules["pre_tokenizer"], "use_regex": False}
        both = {"type": "Sequence", "pretokenizers": [split, byte_level]}
        path.write_text(json.dumps({**rules, "pre_tokenizer": both}))
        if refused:
            with pytest.raises(BaseModelError, match="regular expression"):
                find_base_model(str(directory))
        else:
            assert Encoder.load(str(directory), precision="fp32").embed(["a b"]).shape == (1, 32)
