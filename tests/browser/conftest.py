"""A real Chromium and a real app for the browser tests."""

import sys
from pathlib import Path

# The made-up project is the same as for the tests of the widget without a browser.
sys.path.append(str(Path(__file__).resolve().parents[1] / "widget"))

from chromium import app, browser, engine, visitor

__all__ = ["app", "browser", "engine", "visitor"]
