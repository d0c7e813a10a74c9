"""Text columns of an exported CSV never start a formula in a spreadsheet, and nothing is lost.

A cell that would be read as a formula gets one apostrophe in front. A text that already begins
with apostrophes and such a sign gets one more, so that taking one away always gives back the
text that was there: escape and unescape are exact inverses.
"""

import re

_SIGNS = "=+\\-@＝＋－＠"
# Spreadsheets read the full-width signs too. Blanks and byte-order marks in front are skipped by
# some, so they do not protect.
_DANGEROUS = re.compile(rf"'*(?:[\t\r\n]|[\s\ufeff\u200b\u2060\x00-\x1f]*[{_SIGNS}])")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)


def escape(text: str) -> str:
    """Return the text as it may stand in a text column."""
    return "'" + text if _DANGEROUS.match(text) else text


def unescape(cell: str) -> str:
    """Return the text that `escape` made this cell from."""
    return cell[1:] if cell.startswith("'") and _DANGEROUS.match(cell) else cell


def escape_value(value: str) -> str:
    """Escape like `escape`, but leave plain numbers, which start no formula, as numbers."""
    return value if _NUMBER.fullmatch(value) else escape(value)


def starts_formula(value: str) -> bool:
    """Tell whether a label or an id, which are never escaped, would start a formula."""
    return _DANGEROUS.match(value) is not None and _NUMBER.fullmatch(value) is None
