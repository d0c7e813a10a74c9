"""Text of people, made safe for the few Streamlit calls that read Markdown."""

import re

_MARKS = re.compile(r"([\\`*_\[\]#|<>~$&!])")
_SHORTCODE = re.compile(r":(?=[\w+-])")
# What Markdown makes a link of without being asked: then a backslash within it would show.
_LINK = re.compile(r"\b(?:https?|ftp)(?=://)|\bwww(?=\.)|(?<=\S)@(?=\S)", re.IGNORECASE)
_LIST = re.compile(r"^(\s*)(\d+|)([.)+-])(?=\s)", re.MULTILINE)
_WORD_JOINER = "\u2060"


def plain(text: str) -> str:
    """Return `text` such that Markdown shows it as it is.

    Backslashes take care of Markdown's own signs. They do not stop `:smile:` and `:red[..]`,
    which Streamlit looks for after Markdown was read; an invisible word joiner behind the colon
    does. Another one keeps addresses from becoming links.
    """
    escaped = _MARKS.sub(r"\\\1", text)
    escaped = _LINK.sub(f"\\g<0>{_WORD_JOINER}", escaped)
    escaped = _SHORTCODE.sub(f":{_WORD_JOINER}", escaped)
    return _LIST.sub(r"\1\2\\\3", escaped)


def shorten(text: str, length: int = 80) -> str:
    """Return the first `length` characters on one line, with an ellipsis where cut."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
