"""Splits that do not leak: drawn per duplicate group, stratified, from a stored seed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from trainer.errors import DataError

SPLITS = ("train", "validation", "test")
METHOD = "by duplicate group, stratified by label, seed {seed}"
RANDOM_METHOD = "random over tweets, seed {seed}; duplicates leak"


@dataclass(frozen=True)
class SplitShares:
    """Shares of duplicate groups, 0..1; what validation and test leave is for training."""

    validation: float = 0.1
    test: float = 0.1

    def __post_init__(self) -> None:
        if self.validation < 0 or self.test < 0 or self.validation + self.test >= 1:
            raise DataError(
                f"validation {self.validation} and test {self.test} leave no share for training; "
                "each must be at least 0 and both together below 1"
            )

    def of(self, split: str) -> float:
        """Return the share of one split."""
        if split == "train":
            return 1.0 - self.validation - self.test
        return self.validation if split == "validation" else self.test


class SplitDrawer:
    """Gives new duplicate groups their split, so that every stratum approaches its shares.

    Groups are taken in the order of a seeded hash of their key, which has nothing to do with
    the file's order; each goes where its stratum lacks most. What was drawn before enters as
    `counts` (stratum -> split -> groups) and is never changed: later imports only top up.
    A stratum is an imported label's value, or None for groups without a label.
    """

    def __init__(
        self,
        seed: int,
        shares: SplitShares,
        counts: Mapping[str | None, Mapping[str, int]] | None = None,
    ) -> None:
        self.seed = seed
        self.shares = shares
        self._targets = [shares.of(split) for split in SPLITS]
        self._counts: dict[str | None, list[int]] = {
            stratum: [known.get(split, 0) for split in SPLITS]
            for stratum, known in (counts or {}).items()
        }

    @property
    def counts(self) -> dict[str | None, dict[str, int]]:
        """Groups per stratum and split, with what this drawer has drawn."""
        return {
            stratum: dict(zip(SPLITS, drawn, strict=True))
            for stratum, drawn in self._counts.items()
        }

    def draw(self, groups: Iterable[tuple[str, str | None]]) -> list[str]:
        """Return a split for each (key, stratum), in the order given.

        A key that comes twice is one group: it is drawn once, in its first stratum. The result
        depends on the set of keys, not on their order.
        """
        asked = list(groups)
        strata: dict[str, str | None] = {}
        for key, stratum in asked:
            strata.setdefault(key, stratum)
        drawn: dict[str, str] = {}
        for key in sorted(strata, key=self._rank):
            drawn[key] = self._next(strata[key])
        return [drawn[key] for key, _ in asked]

    def _rank(self, key: str) -> bytes:
        return blake2b(f"{self.seed}\0{key}".encode(errors="surrogatepass")).digest()[:16]

    def _next(self, stratum: str | None) -> str:
        counts = self._counts.setdefault(stratum, [0] * len(SPLITS))
        total = sum(counts) + 1
        # A hair's preference in the order of SPLITS keeps rounding from deciding a tie.
        lacks = [
            (target * total - count if target else float("-inf")) - 1e-9 * place
            for place, (target, count) in enumerate(zip(self._targets, counts, strict=True))
        ]
        chosen = lacks.index(max(lacks))
        counts[chosen] += 1
        return SPLITS[chosen]


def split_by_group(
    groups: Sequence[int], labels: Sequence[str | None], *, shares: SplitShares, seed: int
) -> list[str]:
    """Return a split per tweet; a group never straddles. groups (n,), labels (n,).

    A group's stratum is the label that most of its tweets carry (the smallest value on a tie).
    """
    votes: dict[int, Counter[str]] = {}
    for group, label in zip(groups, labels, strict=True):
        counted = votes.setdefault(int(group), Counter())
        if label is not None:
            counted[label] += 1
    strata = {
        group: min(counted, key=lambda label: (-counted[label], label)) if counted else None
        for group, counted in votes.items()
    }
    drawer = SplitDrawer(seed, shares)
    return drawer.draw((str(int(group)), strata[int(group)]) for group in groups)


def split_at_random(count: int, *, shares: SplitShares, seed: int) -> list[str]:
    """Return a split per tweet that ignores groups and labels: only to show what that flatters."""
    drawer = SplitDrawer(seed, shares)
    return drawer.draw((str(place), None) for place in range(count))


def straddling_groups(groups: Sequence[int], splits: Sequence[str]) -> list[int]:
    """Return the groups that lie in more than one split, sorted; empty when nothing leaks."""
    first: dict[int, str] = {}
    found = {
        int(group)
        for group, split in zip(groups, splits, strict=True)
        if first.setdefault(int(group), split) != split
    }
    return sorted(found)


def check_shares(
    counts: Mapping[str | None, Mapping[str, int]], shares: SplitShares, *, tolerance: float = 0.05
) -> list[str]:
    """Return a sentence for each stratum and split that is off its share; empty when all fit.

    counts: stratum -> split -> groups. Off means by more than `tolerance` and more than one group.
    """
    problems = []
    for stratum, known in counts.items():
        total = sum(known.get(split, 0) for split in SPLITS)
        name = "unlabelled groups" if stratum is None else f"label {stratum!r}"
        for split in SPLITS:
            have, want = known.get(split, 0), shares.of(split) * total
            if abs(have - want) > max(1.0, tolerance * total):
                problems.append(f"{name}: {have} of {total} groups in {split}, {want:.1f} expected")
            elif have == 0 and shares.of(split) > 0 and total > 0:
                problems.append(f"{name}: none of {total} groups in {split}; label more of it")
    return problems
