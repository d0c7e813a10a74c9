"""Explanations come from a process beside the server, and nobody waits for it."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from labeling.explaining import Explainer, Explanation, Question
from trainer import explain_worker

# Answers each question with its text's length; "end" ends it, "wait FILE" waits for a file.
WORKER = """
import json, os, pathlib, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    text = asked["text"]
    if text == "end":
        break
    if text == "end slowly":
        os.close(1)
        time.sleep(0.5)
        break
    if text.startswith("wait "):
        while not pathlib.Path(text[5:]).exists():
            time.sleep(0.01)
    said = {"error": "no"} if text == "no" else {"words": [[0, len(text), 0.5]]}
    print(json.dumps(said), flush=True)
    if text == "deaf":
        os.close(0)
        time.sleep(1)
        break
"""


@pytest.fixture
def explainer() -> Iterator[Explainer]:
    made = Explainer([sys.executable, "-c", WORKER])
    yield made
    made.close()


def question(text: str) -> Question:
    return Question("models/x", "0" * 64, text, "1")


def until(work: Callable[[], Explanation | None]) -> Explanation:
    deadline = time.monotonic() + 30
    while (found := work()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_an_answer_is_fetched_once_and_then_remembered(explainer: Explainer) -> None:
    assert explainer.ask("page", question("four")) is None
    found = until(lambda: explainer.ask("page", question("four")))
    assert found == Explanation(((0, 4, 0.5),))
    assert explainer.ask("other page", question("four")) == found


def test_a_model_is_loaded_before_anybody_asks(explainer: Explainer) -> None:
    explainer.warm_up("models/x", "0" * 64)
    until(lambda: explainer.ask("page", question("four")))
    assert [one.text for one in explainer._known] == ["four"]


def test_warming_up_predicts_once_and_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Model:
        def probabilities(self, texts):
            seen.append(texts)

    monkeypatch.setattr(explain_worker.Shelf, "take", lambda *_: Model())
    asked = {"directory": "d", "manifest_sha256": "m", "text": "", "label": ""}
    assert explain_worker.answer(json.dumps(asked), explain_worker.Shelf()) == {"words": []}
    assert len(seen) == 1


def test_whoever_moved_on_is_not_waited_for(explainer: Explainer, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    explainer.ask("ben", question(f"wait {gate}"))
    time.sleep(0.05)
    explainer.ask("ada", question("first"))
    explainer.ask("ada", question("second"))
    explainer.drop("ada")
    explainer.ask("eve", question("hers"))
    gate.touch()
    until(lambda: explainer.ask("eve", question("hers")))
    assert explainer.ask("cyd", question("first")) is None  # nobody worked on it
    until(lambda: explainer.ask("cyd", question("first")))


def test_a_process_that_ended_is_said_and_started_again(explainer: Explainer) -> None:
    ended = until(lambda: explainer.ask("page", question("end")))
    assert "ended" in ended.problem
    assert until(lambda: explainer.ask("page", question("again"))).words


def test_a_process_on_its_way_out_is_asked_nothing_more(explainer: Explainer) -> None:
    ended = until(lambda: explainer.ask("page", question("end slowly")))
    assert "ended" in ended.problem
    assert until(lambda: explainer.ask("page", question("again"))).words


def test_a_process_that_takes_no_question_is_replaced(explainer: Explainer) -> None:
    until(lambda: explainer.ask("page", question("deaf")))
    time.sleep(0.2)
    assert "cannot be used" in until(lambda: explainer.ask("page", question("two"))).problem
    assert until(lambda: explainer.ask("page", question("two"))).words


def test_what_cannot_be_explained_is_tried_anew_when_asked_anew(explainer: Explainer) -> None:
    assert until(lambda: explainer.ask("page", question("no"))).problem == "no"
    assert explainer.ask("page", question("no")) is None


def test_an_idle_process_is_ended(explainer: Explainer) -> None:
    idle = Explainer([sys.executable, "-c", WORKER], idle_seconds=0.05)
    until(lambda: idle.ask("page", question("one")))
    process = idle._process
    deadline = time.monotonic() + 30
    while process is not None and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert until(lambda: idle.ask("page", question("two"))).words
    idle.close()


def test_offsets_are_counted_as_browsers_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Even:
        label_map = ("-1", "1")

        def probabilities(self, texts):
            import numpy as np

            return np.full((len(texts), 2), 0.5, dtype=np.float32)

    monkeypatch.setattr(explain_worker.Shelf, "take", lambda *_: Even())
    asked = {"directory": "d", "manifest_sha256": "m", "text": "🌊 rises", "label": "1"}
    out = StringIO()
    explain_worker.serve(StringIO(json.dumps(asked) + "\nnonsense\n"), out)
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first == {"words": [[0, 2, 0.0], [3, 8, 0.0]]}
    assert "could not be read" in second["error"]


def test_a_model_that_is_not_there_is_an_answer_too() -> None:
    asked = {"directory": "/nowhere", "manifest_sha256": "m", "text": "a b", "label": "1"}
    said = explain_worker.answer(json.dumps(asked), explain_worker.Shelf())
    assert "/nowhere" in said["error"] or "nowhere" in said["error"]
