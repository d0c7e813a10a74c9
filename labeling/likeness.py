"""When two texts say the same although they are not equal: framed, cut off, or misspelt.

Texts are alike when they are equal without their frame ("via @outlet", who is addressed,
neutral tags at the end), when one is the beginning of the other and was cut off, or when they
differ by the spelling of a word or two. A word more or less keeps them apart, and so does any
difference in numbers or negation. docs/methods.md lists the rules with their reasons.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Literal

from rapidfuzz.distance import OSA, Levenshtein

from labeling.framing import without_frame
from labeling.grouping import normalise

Likeness = Literal["framed", "cut", "spelling"]

_FEWEST_WORDS = 6
_FEWEST_LETTERS = 35
_CUT_FROM = 100  # characters of a raw text from which on an ellipsis means that it was cut off
_END_WORDS = 6
_TAIL = re.compile(r"(?:\s+|https?://[^\s…]*|pic\.twitter\.com/\S*)+$", re.IGNORECASE)
_CUT_ADDRESS = re.compile(
    r"(?:https?://[^\s…]*|\bht{1,2}p?s?:?/{0,2})(?:…|\.\.\.|Ã¢â‚¬Â¦|â€¦)\s*$", re.IGNORECASE
)
_ELLIPSES = ("…", "...", "Ã¢â‚¬Â¦", "â€¦")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NEGATIONS = _words(
    "no not never none nobody nothing nowhere neither nor cannot without hardly barely non "
    "dont doesnt didnt isnt arent wasnt werent wont wouldnt shouldnt couldnt cant hasnt havent "
    "hadnt aint mustnt neednt"
)
_AMOUNTS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve twenty thirty forty "
    "fifty sixty seventy eighty ninety hundred hundreds thousand thousands million millions "
    "billion billions trillion trillions half quarter double triple once twice first second "
    "third last all some most many few more less least"
)
# Words whose neighbours in spelling say something else about the subject.
_TURNS = _words(
    "hoax fake fraud real unreal true untrue truth false deny denies denied denial denier deniers "
    "believe believes believer believers prevent present threat treat warming warning cooling "
    "hopeful hopeless harmful harmless useful useless proven unproven support oppose"
)


@dataclass(frozen=True)
class Wording:
    """A text as it is compared. core: its words without frame, joined by blanks.

    cut: the text was cut off, so its end is not where it ended.
    """

    core: str
    cut: bool

    @cached_property
    def words(self) -> list[str]:
        """Return the words of the core."""
        return self.core.split()

    @cached_property
    def comparable(self) -> bool:
        """Tell whether there is enough text for a likeness to mean something."""
        return len(self.core) >= _FEWEST_LETTERS and len(self.words) >= _FEWEST_WORDS


def wording(text: str) -> Wording:
    """Return a text as it is compared with others."""
    core, framed_end = without_frame(text, normalise)
    return Wording(core, not framed_end and is_truncated(text))


def is_truncated(text: str) -> bool:
    """Tell whether a text was cut off where tweets or feeds are: long, and ending in an ellipsis.

    A short text that trails off is whole, and so is one that was cut off within its address:
    what such a text lacks is the rest of the address.
    """
    if len(text) < _CUT_FROM or ("…" not in text and "..." not in text and "¦" not in text):
        return False
    if _CUT_ADDRESS.search(text):
        return False
    return _TAIL.sub("", text).endswith(_ELLIPSES)


def blocks(one: Wording) -> list[int]:
    """Return the keys under which a text is stored and looked up: alike texts share one.

    The first six words find what was cut off. A word spelt otherwise leaves either the first six
    or the last six as they were; of a text with fewer than twelve words, one of its halves.
    Each key is a number of 63 bits.
    """
    if not one.comparable:
        return []
    words = one.words
    parts = [("start", words[:_END_WORDS])]
    if len(words) >= 2 * _END_WORDS:
        parts.append(("end", words[-_END_WORDS:]))
    else:
        half = len(words) // 2
        parts += [("first half", words[:half]), ("second half", words[half:])]
    return [_number(kind, some) for kind, some in parts]


def _number(kind: str, words: list[str]) -> int:
    said = f"{kind}: {' '.join(words)}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(said, digest_size=8).digest()) >> 1


def likeness(one: Wording, other: Wording) -> Likeness | None:
    """Return how two texts are alike, None where they are not."""
    if not (one.comparable and other.comparable):
        return None
    if one.core == other.core:
        return "framed"
    if (one.cut and _begins(other, one)) or (other.cut and _begins(one, other)):
        return "cut"
    return "spelling" if _spelt_alike(one, other) else None


def _begins(whole: Wording, cut: Wording) -> bool:
    """Tell whether a text begins like one that was cut off, perhaps within its last word."""
    if whole.core.startswith(cut.core):
        return True
    last = len(cut.words) - 1
    if len(whole.words) <= last or not whole.words[last].startswith(cut.words[last]):
        return False
    start = Wording(" ".join(whole.words[:last]), False)
    return _spelt_alike(start, Wording(" ".join(cut.words[:last]), False))


def _spelt_alike(one: Wording, other: Wording) -> bool:
    most = 1 if len(one.core) < 60 else 2 if len(one.core) < 100 else 3
    first, second = one.core.replace(" ", ""), other.core.replace(" ", "")
    if abs(len(first) - len(second)) > most:
        return False
    if Levenshtein.distance(first, second, score_cutoff=most) > most:
        return False
    return all(_same_words(here, there) for here, there in _changes(one.words, other.words))


def _changes(one: list[str], other: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield the runs of words in which two texts differ, each run whole."""
    here: list[str] = []
    there: list[str] = []
    for step in Levenshtein.opcodes(one, other):
        if step.tag == "equal":
            if here or there:
                yield here, there
            here, there = [], []
        else:
            here = here + one[step.src_start : step.src_end]
            there = there + other[step.dest_start : step.dest_end]
    if here or there:
        yield here, there


def _same_words(here: list[str], there: list[str]) -> bool:
    """Tell whether two runs of words differ by nothing but spelling or where blanks stand."""
    changed = {*here, *there}
    if changed & _NEGATIONS or changed & _AMOUNTS or changed & _TURNS:
        return False
    if any(not word.isalpha() for word in changed):
        return False
    if "".join(here) == "".join(there):
        return True
    if len(here) != len(there):
        return False
    return all(_variants(a, b) for a, b in zip(here, there, strict=True))


def _variants(one: str, other: str) -> bool:
    if one == other:
        return True
    shorter = min(len(one), len(other))
    if shorter < 5 or one[0] != other[0]:
        return False
    most = 1 if shorter < 8 else 2
    return OSA.distance(one, other, score_cutoff=most) <= most
