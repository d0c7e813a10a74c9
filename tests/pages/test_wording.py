"""Numbers as they are said."""

import pytest

from labeling.pages.parts.wording import chance


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.034, "p = 0.034"), (1.0, "p = 1.000"), (0.001, "p = 0.001"), (2e-5, "p < 0.001")],
)
def test_a_chance_is_never_said_to_be_nothing(p: float, said: str) -> None:
    assert chance(p) == said
