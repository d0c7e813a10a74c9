"""Dealing the places of a queue: which share each comes from, and with which chance.

Each place is dealt on its own, by a seeded draw:
- `repeat_share`: one of the person's own earlier tweets, hidden among the others and blind;
- else `random_share`: a tweet drawn at random from all open ones;
- else, in proportion to what is open, a tweet of the validation or test split, also at random:
  were those picked by the model's doubt, every score on them would be a score on hard cases;
- else the next training tweet in the project's order; those without prediction come last.
"""

import random

from db.project_settings import ProjectSettings
from labeling.candidates import Asking
from labeling.leasing import Pick
from labeling.sources import Plan, Source


class Dealer:
    """Deals the places of one person's queue.

    plan: without a model there is no order, and every place is drawn at random. open_groups: open
    groups a split, as labeling.candidates.count_open gives them.
    """

    def __init__(
        self,
        source: Source,
        settings: ProjectSettings,
        plan: Plan,
        open_groups: dict[str, int],
        rng: random.Random,
    ) -> None:
        self._source, self._settings, self._rng = source, settings, rng
        self._open = open_groups
        self._total = max(1, sum(open_groups.values()))
        self._all_random = plan.order == "random" or plan.model_id is None

    def deal(self, places: int, asking: Asking, *, only_ordered: bool) -> list[Pick]:
        """Return up to `places` picks; fewer when nothing more may be asked."""
        picks: list[Pick] = []
        while len(picks) < places:
            pick = self._chosen() if only_ordered else self._place()
            if pick is None:
                break
            asking.taken.add(pick.tweet_id)
            picks.append(pick)
        if all(pick.reason == "repeat" for pick in picks):
            return []  # nothing but repeats left: the person is done
        return picks

    def _place(self) -> Pick | None:
        settings = self._settings
        rest = 1 - settings.repeat_share
        repeat_coin, random_coin, split_coin = (self._rng.random() for _ in range(3))
        if repeat_coin < settings.repeat_share:
            tweet_id = self._source.repeat(self._rng)
            if tweet_id is not None:
                return Pick(tweet_id, "repeat", settings.repeat_share, True)
        if self._all_random or random_coin < settings.random_share:
            return self._random(list(self._open), rest)
        held_out = [split for split in self._open if split != "train"]
        if split_coin < sum(self._open[split] for split in held_out) / self._total:
            pick = self._random(held_out, rest)
            if pick is not None:
                return pick
        return self._ordered() or self._last()

    def _ordered(self) -> Pick | None:
        found = self._source.in_order()
        if found is None:
            return None
        settings = self._settings
        chance = (1 - settings.repeat_share) * (1 - settings.random_share)
        chance *= self._open.get("train", 0) / self._total
        return Pick(found.candidate.tweet_id, found.order, chance, False)

    def _chosen(self) -> Pick | None:
        """Return the next of what the person looked for: no draw, so no chance."""
        found = self._source.in_order()
        return None if found is None else Pick(found.candidate.tweet_id, "focus", None, False)

    def _random(self, splits: list[str], rest: float) -> Pick | None:
        """Draw from `splits` in proportion to what is open there.

        A held-out tweet has the same chance by both ways that lead to it: rest / open.
        """
        left = [split for split in splits if self._open[split] > 0]
        while left:
            split = self._rng.choices(left, [self._open[one] for one in left])[0]
            found = self._source.at_random(split, self._rng)
            if found is not None:
                whole = split != "train" or self._all_random
                share = 1.0 if whole else self._settings.random_share
                return Pick(found.tweet_id, "random", rest * share / self._total, False)
            left.remove(split)
        return None

    def _last(self) -> Pick | None:
        """Draw from what the model has not seen; the chance of that is not a simple one."""
        pick = self._random(list(self._open), 1.0)
        return None if pick is None else Pick(pick.tweet_id, "unpredicted", None, False)
