"""Which texts are alike, and which are never."""

import random

import pytest

from labeling.alike import group_texts
from labeling.likeness import blocks, is_truncated, likeness, wording

LONG = "Scientists say the melting of glaciers in the Alps has become faster than anybody thought"


def alike(first: str, second: str) -> str | None:
    one, other = wording(first), wording(second)
    how = likeness(one, other)
    assert how == likeness(other, one)
    if how is not None:
        assert set(blocks(one)) & set(blocks(other)), "alike texts must find each other"
    return how


@pytest.mark.parametrize(
    "first, second, how",
    [
        (f"RT @the_newsroom_today: {LONG[:80]}… ", f"{LONG} https://t.co/a", "cut"),
        (f"RT @a_long_name: RT @b: {LONG[:76]}… https://t.co/abcdefg", LONG, "cut"),
        (f"{LONG} via @outlet", LONG, "framed"),
        (f"@anna @ben {LONG}", f"@carla {LONG}", "framed"),
        (f"BBC News - {LONG}", f"{LONG} - The Guardian", "framed"),
        (f"{LONG} #climate #news", LONG, "framed"),
        (LONG.replace("Scientists", "IÃ¢â‚¬â„¢m"), LONG.replace("Scientists", "I’m"), "framed"),
        (LONG.replace("glaciers", "glacierss"), LONG, "spelling"),
        (LONG.replace("melting of glaciers", "meltingof glaciers"), LONG, "spelling"),
    ],
)
def test_alike_texts_are_found(first: str, second: str, how: str) -> None:
    assert alike(first, second) == how


@pytest.mark.parametrize(
    "first, second",
    [
        (LONG.replace("has become", "has not become"), LONG),
        (LONG.replace("has become", "hasn't become"), LONG),
        (LONG.replace("say", "never say"), LONG),
        ("no " + LONG, LONG),
        (LONG + " 2016", LONG + " 2017"),
        (LONG.replace("the Alps", "1 alp"), LONG.replace("the Alps", "7 alp")),
        (
            LONG.replace("Scientists", "two scientists"),
            LONG.replace("Scientists", "ten scientists"),
        ),
        (LONG + " a million", LONG + " a billion"),
        (LONG + " What a hoax", LONG),
        (LONG + " #hoax", LONG),
        (LONG + " 🙄", LONG),
        (LONG + ", deniers", LONG + ", denier"),
        ("@alice is lying about " + LONG, "@bob is lying about " + LONG),
        (LONG + " thanks to @alice", LONG + " thanks to @bobby"),
        (LONG.replace("faster", "slower"), LONG),
        (LONG.replace("in the Alps", "near the Alps"), LONG),
        ("climate change is real…", "climate change is real and it is a hoax"),
        (LONG + " and so on and on…", LONG + " and so on. But it is a lie, as everybody knows"),
    ],
)
def test_what_may_turn_the_stance_round_keeps_texts_apart(first: str, second: str) -> None:
    assert alike(first, second) is None


def test_a_text_is_cut_off_only_where_it_is_long_and_ends_in_an_ellipsis() -> None:
    assert is_truncated(f"RT @a: {LONG} and mo…")
    assert is_truncated(f"{LONG} and more of it… https://t.co/abc")
    assert not is_truncated("I wonder…")
    assert not is_truncated(LONG)
    assert not is_truncated(f"RT @a: {LONG} and more https://t.c…")


def test_a_cut_off_text_does_not_bridge_two_that_begin_alike() -> None:
    start = "RT @someone: The report on the state of the climate was at last published on Monday "
    start += "morning and it"
    cut = f"{start} sa…"
    first, second = f"{start} says that we are safe", f"{start} says that we are doomed"
    groups = group_texts([cut, first, second])
    assert groups[1] != groups[2]
    assert groups[0] in groups[1:]


def test_the_order_of_the_texts_does_not_decide_who_belongs_together() -> None:
    texts = [
        *(f"RT @somebody_{n}: {LONG} {n} and mo…" for n in range(4)),
        *(f"{LONG} {n} and more than mountains" for n in range(4)),
        *(f"{LONG} {n} and more than mountainss via @x" for n in range(4)),
    ]
    expected = None
    for seed in range(5):
        order = list(range(len(texts)))
        random.Random(seed).shuffle(order)
        groups = dict(zip(order, group_texts([texts[one] for one in order]), strict=True))
        together = {(a, b) for a in order for b in order if groups[a] == groups[b]}
        assert expected in (None, together)
        expected = together
    assert expected is not None
    assert len(expected) == 4 * 3 * 3  # four groups of three


def test_only_equal_texts_share_a_group_when_likeness_is_off() -> None:
    assert group_texts([LONG, LONG + " via @x", LONG.upper()], near=False) == [0, 1, 0]
