"""A process that explains predictions one by one, so that nobody else waits for it.

    python -m trainer.explain_worker

Reads one JSON object a line ({"directory", "manifest_sha256", "text", "label"}) and answers each
with one line: {"words": [[start, end, weight], …]}, offsets in UTF-16 units as browsers count,
or {"error": "…"}. An empty text loads the classifier and has no words. Keeps
the classifiers that it used last. Ends with its input.
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from trainer.errors import TrainerError
from trainer.explain import explain

if TYPE_CHECKING:
    from trainer.predict import Classifier

KEPT_CLASSIFIERS = 2


class Shelf:
    """The classifiers at hand, by directory and manifest; the one used least recently goes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Classifier] = OrderedDict()

    def take(self, directory: str, manifest_sha256: str) -> "Classifier":
        """Return a classifier, loading it at its first use. Raises ArtifactError."""
        from trainer.predict import load_classifier

        key = (directory, manifest_sha256)
        if key not in self._kept:
            while len(self._kept) >= KEPT_CLASSIFIERS:
                self._kept.popitem(last=False)
            self._kept[key] = load_classifier(
                Path(directory),
                manifest_sha256=manifest_sha256,
                eight_bit=False,  # of one text, differences count more than time
            )
        self._kept.move_to_end(key)
        return self._kept[key]


def answer(line: str, shelf: Shelf) -> dict[str, Any]:
    """Explain what one line asks for; what went wrong is part of the answer."""
    try:
        asked = json.loads(line)
        classifier = shelf.take(asked["directory"], asked["manifest_sha256"])
        text = asked["text"]
        if not text:
            classifier.probabilities(["warm"])  # the first prediction is slower than others
            return {"words": []}
        weights = explain(classifier, text, label=asked["label"])
    except TrainerError as error:
        return {"error": str(error)}
    except (ValueError, KeyError, TypeError) as error:
        return {"error": f"the question could not be read ({error!r})"}
    return {
        "words": [
            [_utf16(text, one.start), _utf16(text, one.end), round(one.weight, 4)]
            for one in weights
        ]
    }


def _utf16(text: str, place: int) -> int:
    return len(text[:place].encode("utf-16-le", "surrogatepass")) // 2


def serve(questions: TextIO, answers: TextIO) -> None:
    """Answer line by line until the input ends."""
    shelf = Shelf()
    for line in questions:
        answers.write(json.dumps(answer(line, shelf)) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
