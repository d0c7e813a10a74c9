"""Twitter's links are one word to the model, here and in a packaged folder."""

import json
from dataclasses import replace

import numpy as np
import pytest
from transformers import AutoTokenizer

from trainer.artifacts import publish
from trainer.base_model import BUNDLED_BASE_MODEL, find_base_model
from trainer.batching import tokenise
from trainer.config import TrainConfig, notebook_preset
from trainer.families import load_tokenizer
from trainer.links import set_links
from trainer.package import CardFacts, package
from trainer.predict import facts_from_json, facts_to_json, load_classifier
from trainer.train import train

CARD = CardFacts("p", 1, "probe", "tiny", ["Anti", "Neutral", "Pro", "News"])


@pytest.fixture(scope="module")
def read():
    """Return a function from a text to its words, with links short or whole."""
    base = find_base_model(BUNDLED_BASE_MODEL)
    tokenizers = {
        links: load_tokenizer(base.directory, base.config, links=links)
        for links in ("short", "whole")
    }

    def words(text, links="short"):
        ids = tokenise(tokenizers[links], [text], 96)[0]
        return " ".join(tokenizers[links].convert_ids_to_tokens(ids)[1:-1])

    return words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see https://t.co/aB3x9Yz01Q now", "see http now"),
        ("http://t.co/aB3x9Yz01Q", "http"),
        ("(https://t.co/aB3x9Yz01Q).", "( http ) ."),
        ("one https://t.co/aB3x9Yz01Q https://t.co/bB3x9Yz01Q", "one http http"),
        ("RT @a: cut https://t.co/aB…", "rt @ a : cut http …"),
        ("cut https://t.c…", "cut http …"),
        ("cut https:…", "cut http …"),
        ("cut https://t.câ€¦", "cut http a ##€ ##¦"),
        ("cut https://t.co/aBâ€¦", "cut http a ##€ ##¦"),
        ("https://t.co/aB3x9Yz01Qheat", "http heat"),
        ("https://t.co/aB3x9Yz01Qhttps://t.co/bB3x9Yz01Q", "http http"),
        ("https: a word", "https : a word"),
        ("https://t.com/x", "https : / / t . com / x"),
        ("http://a.org/heat", "http : / / a . org / heat"),
    ],
)
def test_twitters_links_are_one_word_and_others_stay(read, text, expected):
    assert read(text) == expected


def test_whole_links_are_read_letter_by_letter(read):
    assert len(read("https://t.co/aB3x9Yz01Q", "whole").split()) > 8
    assert read("no link: t.co", "whole") == read("no link: t.co")


@pytest.mark.parametrize("kind", ["probe", "fine_tuned"])
def test_a_packaged_model_reads_links_as_it_was_trained_to(kind, quick, examples, labels, tmp_path):
    one, other = "a https://t.co/lie", "a https://t.co/scam"  # words of the tiny vocabulary
    for links in ("short", "whole"):
        config = replace(quick, kind=kind, links=links, ngrams="none")
        trained = train(examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c")
        published = publish(tmp_path / "models", trained.write, {})
        classifier = load_classifier(published.directory, precision="fp32")
        rows = classifier.probabilities([one, other])
        assert np.array_equal(*rows) == (links == "short")
        out = tmp_path / links
        package(published.directory, out, card=CARD)
        assert ("the one word `http`" in (out / "README.md").read_text()) == (links == "short")
        first, second = AutoTokenizer.from_pretrained(out)([one, other])["input_ids"]
        assert (first == second) == (links == "short")
        assert [first, second] == tokenise(classifier.parts()[1], [one, other], 32)


def test_a_model_of_before_reads_whole_links(classifier_facts):
    values = facts_to_json(classifier_facts)
    assert facts_from_json(values).links == "short"
    del values["config"]["links"]
    assert facts_from_json(json.loads(json.dumps(values))).links == "whole"


@pytest.fixture
def classifier_facts(quick, examples, labels, tmp_path):
    config = replace(quick, kind="probe", ngrams="none")
    return train(
        examples, labels, config, work=tmp_path / "w", cache=tmp_path / "c"
    ).classifier.facts


def test_settings_of_a_run_of_before_are_read_as_they_were():
    stored = TrainConfig().to_json()
    assert TrainConfig.from_stored(stored).links == "short"
    del stored["links"]
    assert TrainConfig.from_stored(stored).links == "whole"


def test_a_base_model_that_brings_the_rule_along_can_read_whole_links(
    quick, examples, labels, tmp_path
):
    trained = train(examples, labels, quick, work=tmp_path / "w", cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    package(published.directory, tmp_path / "out", card=CARD)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    one, other = "a https://t.co/lie", "a https://t.co/scam"
    for links in ("short", "whole", "short"):
        set_links(tokenizer, links)
        first, second = tokenise(tokenizer, [one, other], 32)
        assert (first == second) == (links == "short")
    find_base_model(str(tmp_path / "out"))  # its rules are known to be harmless


def test_the_notebooks_recipe_reads_whole_links():
    assert TrainConfig().links == "short"
    assert notebook_preset().links == "whole"
