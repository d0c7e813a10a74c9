"""Where a dealer takes tweets from: by index while many are open, from a small pool at the end."""

import random
from typing import Protocol

from sqlalchemy.orm import Session

from db.schema import Prediction
from labeling.candidates import Asking, Candidate
from labeling.drawing import draw, draw_repeat, few_open
from labeling.walking import in_order


class Source(Protocol):
    """Gives tweets that may be asked, each once; None when there is none of the kind."""

    def in_order(self) -> Candidate | None:
        """Return the next training tweet in the project's order."""

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""


class IndexSource:
    """Walks and draws by index: cost does not grow with the number of tweets."""

    def __init__(
        self,
        order: str,
        model_id: int | None,
        asking: Asking,
        needed: int,
        label: str | None,
        session: Session,
    ) -> None:
        self._asking, self._session, self._needed = asking, session, needed
        self._order = "least_confident" if order == "random" else order
        self._model_id, self._label = model_id, label
        self._ordered: list[Candidate] | None = None

    def in_order(self) -> Candidate | None:
        """Return the next training tweet in the project's order."""
        if self._model_id is None:
            return None
        if self._ordered is None:
            self._ordered = in_order(
                self._order,
                self._model_id,
                self._asking,
                self._needed + len(self._asking.taken),
                session=self._session,
                label=self._label,
            )
        while self._ordered:
            found = self._ordered.pop(0)
            if found.tweet_id not in self._asking.taken:
                return found
        return None

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""
        return draw(split, self._asking, rng, session=self._session)

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""
        return draw_repeat(self._asking, rng, session=self._session)


class PoolSource:
    """Holds the few tweets that are left: near the end, walking would pass by all that is done."""

    def __init__(
        self,
        order: str,
        model_id: int | None,
        asking: Asking,
        needed: int,
        label: str | None,
        session: Session,
    ) -> None:
        self._asking, self._session = asking, session
        pool = few_open(model_id, asking, session=session)
        self._by_split: dict[str, list[Candidate]] = {}
        for one, _ in pool:
            self._by_split.setdefault(one.split, []).append(one)
        known = [
            (_rank(order, prediction), one.tweet_id, one)
            for one, prediction in pool
            if prediction is not None
            and one.split == "train"
            and (label is None or prediction.label == label)
        ]
        self._ordered = [one for _, _, one in sorted(known, key=lambda entry: entry[:2])]

    def in_order(self) -> Candidate | None:
        """Return the next training tweet in the project's order."""
        while self._ordered:
            found = self._ordered.pop(0)
            if found.tweet_id not in self._asking.taken:
                return found
        return None

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""
        left = [
            one for one in self._by_split.get(split, []) if one.tweet_id not in self._asking.taken
        ]
        return rng.choice(left) if left else None

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""
        return draw_repeat(self._asking, rng, session=self._session)


def _rank(order: str, prediction: Prediction) -> float:
    if order == "entropy":
        return -prediction.entropy
    return prediction.margin if order == "margin" else prediction.confidence
