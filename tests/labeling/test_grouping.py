import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling.grouping import is_cut_off, is_retweet, normalise, text_key


@pytest.mark.parametrize(
    "first, second",
    [
        ("RT @anna: The ice is melting", "The ice is melting"),
        ("RT @anna: RT @ben_2: The ice is melting", "the ICE is melting!!!"),
        ("The ice is melting https://t.co/aBc1", "The ice is melting pic.twitter.com/xyz"),
        ("Don’t look up", "don't look up"),
        ("RT @a: so hot today htt…", "so hot today"),
        ("RT @a: so hot today https:/…", "So hot today…"),
        ("wind &amp; sun", "wind & sun"),
        ("#climate action, now", "climate action now"),
        ("two\nlines", "two lines"),
        ("RT @a: so hot today Ã¢â‚¬Â¦", "RT @a: so hot today …"),
    ],
)
def test_what_makes_no_difference_is_set_aside(first: str, second: str) -> None:
    assert text_key(first) == text_key(second)


@pytest.mark.parametrize(
    "first, second",
    [
        ("climate change is real", "climate change is not real"),
        ("I can believe it", "I can't believe it"),
        ("2 degrees by 2050", "4 degrees by 2050"),
        ("it is -2 outside", "it is 2 outside"),
        ("emissions fell 5%", "emissions fell 5"),
        ("1.5 degrees", "15 degrees"),
        ("what a lovely winter", "what a lovely winter 🙄"),
        ("https://t.co/one", "https://t.co/two"),
        ("!!!", "???"),
    ],
)
def test_what_may_turn_the_stance_round_is_kept(first: str, second: str) -> None:
    assert text_key(first) != text_key(second)


@given(st.text(max_size=200))
def test_every_text_has_a_key_of_32_hexadecimal_digits(text: str) -> None:
    key = text_key(text)
    assert len(key) == 32
    assert int(key, 16) >= 0


@given(st.text(alphabet="abc dE-5%.!…#", max_size=60))
def test_case_and_a_retweet_prefix_never_change_the_group(text: str) -> None:
    if normalise(text) != " ".join(text.casefold().split()):
        assert text_key(f"RT @someone: {text.upper()}") == text_key(text)


def test_a_cut_off_retweet_is_told_from_one_that_trails_off() -> None:
    assert is_retweet("RT @anna: hello")
    assert not is_retweet("ART @anna: hello")
    assert is_cut_off("RT @anna: the end is n…")
    assert not is_cut_off("well…")
