"""Who takes over by itself, and who waits for a person; with reasons."""

from dataclasses import replace

import pytest

from trainer.artifacts import publish
from trainer.gate import NO_TEST, SEEN_BY_CURRENT, InUse, against_current, may_take_over, takes_over
from trainer.notebook_split import REASON
from trainer.train import train

PASSES = {"version": 1, "kind": "probe", "passes": True, "reasons": []}
FAILS = {"version": 1, "kind": "probe", "passes": False, "reasons": ["macro-F1 does not rise"]}


@pytest.mark.parametrize(
    ("rule", "comparison", "promoted"),
    [
        ("automatic", PASSES, True),
        ("automatic", {**PASSES, "kind": "zero_shot"}, True),
        ("automatic", FAILS, False),
        ("automatic", None, True),
        ("ask", PASSES, False),
        ("ask", None, False),
        ("never", PASSES, False),
        ("never", None, False),
    ],
)
def test_the_rule_promotes_what_passes_or_is_the_first_and_asks_otherwise(
    rule, comparison, promoted
):
    assert takes_over(rule, comparison, unasked=False) is promoted


@pytest.mark.parametrize(
    ("comparison", "promoted"),
    [
        (None, True),
        ({"version": 1, "kind": "zero_shot", "passes": False, "reasons": [NO_TEST]}, True),
        ({"version": 1, "kind": "probe", "passes": False, "reasons": [NO_TEST]}, True),
        ({"version": 1, "kind": "fine_tuned", "passes": False, "reasons": [NO_TEST]}, False),
        ({"version": None, "passes": False, "reasons": [REASON]}, False),
    ],
)
def test_a_probe_that_nobody_asked_for_replaces_no_fine_tuned_version(comparison, promoted):
    assert may_take_over(comparison) is promoted


def made(examples, labels, config, tmp_path, name):
    trained = train(examples, labels, config, work=tmp_path / name, cache=tmp_path / "c")
    published = publish(tmp_path / "models", trained.write, {})
    return trained, InUse(1, config.kind, published.directory, published.manifest_sha256)


def test_without_test_labels_there_is_a_reason_to_ask(quick, examples, labels, tmp_path):
    young = [e for e in examples if e.split != "test"]
    trained, in_use = made(young, labels, replace(quick, kind="probe"), tmp_path, "w")
    found = against_current(trained, young, in_use, cache=tmp_path / "c")
    assert (found["passes"], found["reasons"], found["version"]) == (False, [NO_TEST], 1)
    assert against_current(trained, young, None, cache=tmp_path / "c") is None


def test_a_version_of_the_random_split_neither_passes_nor_judges(quick, examples, labels, tmp_path):
    fair, before = made(examples, labels, replace(quick, kind="probe"), tmp_path, "fair")
    config = replace(quick, kind="probe", split="random", seed=1234)
    leaking, after = made(examples, labels, config, tmp_path, "leaking")
    assert list(leaking.metrics) == ["validation"]
    assert leaking.metrics["validation"].n == len(examples) // 5
    assert "duplicates leak" in leaking.metrics["validation"].split_method
    for in_use in (before, None):
        found = against_current(leaking, examples, in_use, cache=tmp_path / "c")
        assert found["reasons"] == [REASON]
        assert not takes_over("automatic", found, unasked=False)
    found = against_current(fair, examples, after, cache=tmp_path / "c")
    assert found["reasons"] == [SEEN_BY_CURRENT]
    assert {e.split for e in examples} == {"train", "validation", "test"}  # as they were


def test_labels_in_another_order_are_compared_label_by_label(quick, examples, labels, tmp_path):
    config = replace(quick, kind="probe")
    _, before = made(examples, labels, config, tmp_path, "before")
    trained, _ = made(examples, labels[::-1], config, tmp_path, "after")
    found = against_current(trained, examples, before, cache=tmp_path / "c")
    assert "the label set has changed" not in found["reasons"]
    assert found["difference"]["macro_f1"] == pytest.approx(0, abs=0.05)
    fewer, _ = made(
        [e for e in examples if e.label != "0"], labels[:1] + labels[2:], config, tmp_path, "few"
    )
    found = against_current(fewer, examples, before, cache=tmp_path / "c")
    assert found["reasons"] == ["the label set has changed"]
