"""Which group a new text joins: one with all of whose known texts it is alike.

All, not one: otherwise a short cut-off text would join two different tweets that begin alike,
and a chain of small differences would end far from where it began.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from labeling.grouping import normalise
from labeling.likeness import Likeness, Wording, blocks, likeness, wording

BLOCK = 64  # texts under one key; what is that common tells nothing
_COMPARED = 12  # texts of a group that a new one is compared with
_BEST: Sequence[Likeness] = ("framed", "spelling", "cut")


@dataclass(frozen=True)
class Match:
    """The group that a text joins, how it is alike, and other groups that it is like as well."""

    group: int
    likeness: Likeness
    others: frozenset[int]


@dataclass
class AlikeGroups:
    """Texts by their blocking keys, each with the number of its group.

    Groups are numbered by the caller; where several would do, the closest likeness decides, and
    then the lowest number.
    """

    _texts: dict[int, tuple[Wording, int]] = field(default_factory=dict)
    _blocks: dict[int, list[int]] = field(default_factory=dict)
    _members: dict[int, list[int]] = field(default_factory=dict)

    def add(self, text: int, said: Wording, group: int, keys: Iterable[int]) -> list[int]:
        """Add a text under its number; return the keys under which it went in.

        A text that is in already only gets the keys that it lacks.
        """
        if text not in self._texts:
            self._texts[text] = (said, group)
            self._members.setdefault(group, []).append(text)
        entered = []
        for key in keys:
            block = self._blocks.setdefault(key, [])
            if len(block) < BLOCK and text not in block:
                block.append(text)
                entered.append(key)
        return entered

    def like(self, said: Wording, keys: Iterable[int]) -> dict[int, Likeness]:
        """Return the groups that hold a text like this one under its keys, and how it is alike."""
        near: set[int] = set()
        for key in keys:
            near.update(self._blocks.get(key, ()))
        alike: dict[int, Likeness] = {}
        for text in sorted(near):
            other, group = self._texts[text]
            how = likeness(said, other)
            if how and (group not in alike or _rank(how) < _rank(alike[group])):
                alike[group] = how
        return alike

    def find(
        self,
        said: Wording,
        keys: Iterable[int],
        may_join: Callable[[int], bool] = lambda _group: True,
    ) -> Match | None:
        """Return the group that a text joins, None where it is like none, or may join none."""
        alike = self.like(said, keys)
        for group in sorted(alike, key=lambda one: (_rank(alike[one]), one)):
            if may_join(group) and self._like_all(said, group):
                return Match(group, alike[group], frozenset(alike) - {group})
        return None

    def merge(self, gone: int, into: int) -> None:
        """Let all texts of one group be texts of another."""
        for text in self._members.pop(gone, []):
            self._texts[text] = (self._texts[text][0], into)
            self._members.setdefault(into, []).append(text)

    def _like_all(self, said: Wording, group: int) -> bool:
        members = self._members[group][:_COMPARED]
        return all(likeness(said, self._texts[text][0]) for text in members)


def _rank(how: Likeness) -> int:
    return _BEST.index(how)


def group_texts(texts: Sequence[str], *, near: bool = True) -> list[int]:
    """Return a group number for each text, in memory: for files that are not in a store.

    near: alike texts share a group too, not only those whose normalised texts are equal.
    """
    norms = [normalise(text) for text in texts]
    numbers: dict[str, int] = {}
    first: list[str] = []
    for norm, text in zip(norms, texts, strict=True):
        if norm not in numbers:
            numbers[norm] = len(first)
            first.append(text)
    group = list(range(len(first)))
    if near:
        # Numbered in the order of grouping: where several groups would do, the first one wins.
        said = [wording(text) for text in first]
        known = AlikeGroups()
        for rank, place in enumerate(in_order(said)):
            keys = blocks(said[place])
            match = known.find(said[place], keys)
            group[place] = match.group if match else rank
            known.add(place, said[place], group[place], keys)
    return [group[numbers[norm]] for norm in norms]


def in_order(said: Sequence[Wording]) -> list[int]:
    """Return the order in which texts are grouped: whole ones first, long before short.

    So the order of a file does not decide which of two whole texts a cut-off one belongs to.
    """
    return sorted(
        range(len(said)),
        key=lambda one: (
            said[one].cut,
            -len(said[one].core),
            blake2b(said[one].core.encode(errors="surrogatepass"), digest_size=8).digest(),
        ),
    )
