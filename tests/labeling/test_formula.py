import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling.formula import escape, escape_value, starts_formula, unescape

_NASTY = st.text(alphabet="'=+-@＝＋－＠\t\r\n \ufeff\u200bab1.5e", max_size=12)
_FORMULAS = [
    "=1+1",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1:A2)",
    "\t=1",
    "\r=1",
    "\n@you",
    "＝1+1",
    "＋1",
    "－1",
    "＠sum",
    '=HYPERLINK("http://evil.example","click")',
    '=cmd|"/C calc"!A0',
    "  =1+1",
    "\ufeff=1+1",
    "'=1+1",
    "''@x",
    "\u00a0=1",
    "\x00=1",
]


@given(st.one_of(_NASTY, st.text(max_size=40)))
@settings(max_examples=3_000)
def test_taking_the_apostrophe_away_gives_the_text_back(text: str) -> None:
    assert unescape(escape(text)) == text
    assert unescape(escape_value(text)) == text


@given(_NASTY)
@settings(max_examples=1_000)
def test_no_escaped_text_begins_like_a_formula(text: str) -> None:
    assert not escape(text).lstrip(" \t\r\n\u00a0\ufeff\u200b").startswith(tuple("=+-@＝＋－＠"))


@pytest.mark.parametrize("formula", _FORMULAS)
def test_known_formulas_get_an_apostrophe(formula: str) -> None:
    assert escape(formula) == "'" + formula
    assert starts_formula(formula)


@pytest.mark.parametrize("text", ["plain", "-", "a=b", "1+1", "'quoted'", "#tag", "🙄", ""])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert escape(text) == (text if text != "-" else "'-")


def test_plain_numbers_of_other_columns_and_labels_stay_numbers() -> None:
    assert escape_value("-0.5") == "-0.5"
    assert escape_value("-0.5+A1") == "'-0.5+A1"
    assert not starts_formula("-1")
