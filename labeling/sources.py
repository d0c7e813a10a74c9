"""Where a dealer takes tweets from: by index while many are open, from a small pool else."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from db.schema import Prediction
from labeling.candidates import Asking, Candidate
from labeling.drawing import Pool, draw, draw_repeat
from labeling.focus import LabelFilter
from labeling.walking import in_order

DEFAULT = "margin"  # where an order has nothing more: see docs/methods.md, The queue
WORKED_OUT = ("diverse", "disagreement")


@dataclass(frozen=True)
class Plan:
    """What to ask in which order. routes: suggested labels to look among, one after the other."""

    order: str
    model_id: int | None
    routes: Sequence[LabelFilter]

    @property
    def orders(self) -> Sequence[str]:
        """Return the orders to go through: one that was worked out ahead covers but a part."""
        if self.order in WORKED_OUT:
            return (self.order, DEFAULT)
        return (DEFAULT if self.order == "random" else self.order,)


@dataclass(frozen=True)
class Ordered:
    """A training tweet, and the order that it came by."""

    candidate: Candidate
    order: str


class Source(Protocol):
    """Gives tweets that may be asked, each once; None when there is none of the kind."""

    def in_order(self) -> Ordered | None:
        """Return the next training tweet in the plan's order."""

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""


class IndexSource:
    """Walks and draws by index: cost does not grow with the number of tweets."""

    def __init__(self, plan: Plan, asking: Asking, needed: int, session: Session) -> None:
        self._plan, self._asking, self._session = plan, asking, session
        self._needed = needed
        self._ordered = self._walk()

    def in_order(self) -> Ordered | None:
        """Return the next training tweet in the plan's order."""
        return next((one for one in self._ordered if _is_free(one, self._asking)), None)

    def _walk(self) -> Iterator[Ordered]:
        model_id = self._plan.model_id
        if model_id is None:
            return
        for among in self._plan.routes:
            for order in self._plan.orders:
                found = in_order(
                    order,
                    model_id,
                    self._asking,
                    self._needed + len(self._asking.taken),
                    session=self._session,
                    among=among,
                )
                yield from (Ordered(one, order) for one in found)

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""
        return draw(split, self._asking, rng, session=self._session)

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""
        return draw_repeat(self._asking, rng, session=self._session)


class PoolSource:
    """Holds few tweets, looked at one by one: those that are left, or those that were looked for.

    Near the end of a project walking would pass by all that is done.
    """

    def __init__(self, plan: Plan, asking: Asking, pool: Pool, session: Session) -> None:
        self._asking, self._session = asking, session
        self._by_split: dict[str, list[Candidate]] = {}
        for one, _ in pool.tweets:
            self._by_split.setdefault(one.split, []).append(one)
        known = [(one, said) for one, said in pool.tweets if said is not None]
        ranked: list[tuple[int, int, float, int, Ordered]] = []
        for one, said in known:
            route = _first(plan.routes, said.label)
            if one.split != "train" or route is None:
                continue
            scored = one.tweet_id in pool.scores
            order = plan.orders[0] if scored or len(plan.orders) == 1 else plan.orders[-1]
            rank = pool.scores[one.tweet_id] if scored else _RANKS[order](said)
            ranked.append((route, not scored, rank, one.tweet_id, Ordered(one, order)))
        self._ordered = iter([entry[-1] for entry in sorted(ranked, key=lambda one: one[:4])])

    def in_order(self) -> Ordered | None:
        """Return the next training tweet in the plan's order."""
        return next((one for one in self._ordered if _is_free(one, self._asking)), None)

    def at_random(self, split: str, rng: random.Random) -> Candidate | None:
        """Return a tweet of a split, drawn at random."""
        left = [
            one for one in self._by_split.get(split, []) if one.tweet_id not in self._asking.taken
        ]
        return rng.choice(left) if left else None

    def repeat(self, rng: random.Random) -> int | None:
        """Return one of the person's own earlier tweets."""
        return draw_repeat(self._asking, rng, session=self._session)


_RANKS: dict[str, Callable[[Prediction], float]] = {
    "least_confident": lambda said: said.confidence,
    "margin": lambda said: said.margin,
    "entropy": lambda said: -said.entropy,
}


def _is_free(one: Ordered, asking: Asking) -> bool:
    return one.candidate.tweet_id not in asking.taken


def _first(routes: Sequence[LabelFilter], label: str) -> int | None:
    for place, among in enumerate(routes):
        if (among.only is None or label in among.only) and label not in among.never:
            return place
    return None
