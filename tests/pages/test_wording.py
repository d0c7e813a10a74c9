"""Numbers as they are said."""

import pytest

from labeling.pages.parts.wording import agreed, chance, duration


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.034, "p = 0.034"), (1.0, "p = 1.000"), (0.001, "p = 0.001"), (2e-5, "p < 0.001")],
)
def test_a_chance_is_never_said_to_be_nothing(p: float, said: str) -> None:
    assert chance(p) == said


def test_one_has_and_several_have() -> None:
    assert [agreed(number, "has", "have") for number in (0, 1, 2)] == ["have", "has", "have"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3.0, "a few seconds"),
        (42.0, "about 40 seconds"),
        (95.0, "about 2 minutes"),
        (9000.0, "about 2.5 hours"),
        (None, "an unknown time"),
    ],
)
def test_a_duration_is_said_roughly_and_about_is_said_once(
    seconds: float | None, said: str
) -> None:
    assert duration(seconds) == said
