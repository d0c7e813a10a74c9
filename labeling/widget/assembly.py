"""One script out of the widget's modules.

Streamlit takes an inline component's JavaScript as one string, and a module inside it cannot
import another one. Written as modules, the parts can be tested by node one by one; here their
import lines and export words are taken off and the rest is put together in order.
"""

import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
# Each module stands behind those that it imports.
MODULES = (
    "text.js",
    "keys.js",
    "stopwatch.js",
    "keep.js",
    "sync.js",
    "state.js",
    "history.js",
    "browser.js",
    "asking.js",
    "view.js",
    "lists.js",
    "panels.js",
    "asides.js",
    "card.js",
)
_IMPORT = re.compile(r"^import\s[^;]*;\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def script() -> str:
    """Return the widget's JavaScript: one module with one default export."""
    parts = [(FOLDER / name).read_text(encoding="utf-8") for name in MODULES]
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts)


@cache
def markup() -> str:
    """Return the widget's HTML; it holds no text of people."""
    return (FOLDER / "card.html").read_text(encoding="utf-8")


@cache
def style() -> str:
    """Return the widget's style sheet."""
    return (FOLDER / "card.css").read_text(encoding="utf-8")
