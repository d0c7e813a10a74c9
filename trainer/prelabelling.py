"""Predicting a stream of tweets in chunks, storing each chunk as it is done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trainer.scores import prediction_rows

if TYPE_CHECKING:
    from trainer.predict import Classifier

CHUNK = 4096


class HasText(Protocol):
    """A tweet to predict."""

    @property
    def tweet_id(self) -> int:
        """Its number."""
        ...

    @property
    def text(self) -> str:
        """Its text."""
        ...


@dataclass(frozen=True)
class Speed:
    """What was done: tweets, seconds, and tweets a second."""

    predicted: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the figures rounded."""
        rate = self.predicted / self.seconds if self.seconds else 0.0
        return {
            "predicted": self.predicted,
            "seconds": round(self.seconds, 3),
            "tweets_per_second": round(rate, 1),
        }


def predict_stream(
    classifier: "Classifier",
    fetch: Callable[[int], Sequence[HasText]],
    keep: Callable[[list[dict[str, Any]]], None],
    *,
    total: int,
    cache: Path,
    progress: Callable[[int], object],
    should_stop: Callable[[], bool],
) -> Speed:
    """Predict until `fetch(CHUNK)` has nothing left; hand each chunk's rows to `keep`.

    total: how many tweets are to come. Raises Cancelled between batches when `should_stop()`;
    chunks kept so far stay kept.
    """
    started, done = time.monotonic(), 0
    classifier.expect(total)
    while tweets := fetch(CHUNK):
        base = done

        def partly(part: int, _total: int, base: int = base) -> None:
            progress(base + part)

        probabilities = classifier.probabilities(
            [tweet.text for tweet in tweets],
            cache=cache,
            on_progress=partly,
            should_stop=should_stop,
        )
        rows = prediction_rows(probabilities, classifier.label_map)
        for row, tweet in zip(rows, tweets, strict=True):
            row["tweet_id"] = tweet.tweet_id
        keep(rows)
        done += len(tweets)
        progress(done)
    return Speed(done, time.monotonic() - started)
