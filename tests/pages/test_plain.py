import pytest

from labeling.pages.parts.plain import plain, shorten


@pytest.mark.parametrize(
    "text", ["*bold*", "$x$", "`code`", "[a](b)", "<b>", "# head", "~no~", "a|b", "_it_"]
)
def test_each_sign_of_markdown_gets_a_backslash(text: str) -> None:
    assert plain(text).replace("\\", "") == text
    assert "\\" in plain(text)


@pytest.mark.parametrize("text", [":smile:", ":red[x]", ":material/home:"])
def test_shortcodes_are_broken_by_an_invisible_sign(text: str) -> None:
    assert not plain(text).startswith(text[:2])
    assert plain(text).replace("\u2060", "").replace("\\", "") == text


def test_a_line_that_looks_like_a_list_item_stays_a_line() -> None:
    assert plain("1. first") == "1\\. first"
    assert plain("- first") == "\\- first"


def test_shortening_keeps_one_line_and_marks_the_cut() -> None:
    assert shorten("a\nb  c") == "a b c"
    assert shorten("x" * 100, 10) == "x" * 9 + "…"
