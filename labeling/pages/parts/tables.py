"""How tables look: as tall as their rows up to a limit, so that nothing jumps; whole numbers
with separators; moments in the browser's time zone.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from labeling.pages.parts.wording import time_zone

ROW = 33
BORDER = 3


def height(rows: int, most: int = 10) -> int:
    """Return the height in pixels of a table with a header and `rows` rows, `most` visible."""
    return ROW * (min(max(rows, 1), most) + 1) + BORDER


def columns(*, numbers: Sequence[str] = (), moments: Sequence[str] = ()) -> dict[str, Any]:
    """Return the configuration of columns that hold whole numbers and moments."""
    whole = {name: st.column_config.NumberColumn(format="localized") for name in numbers}
    when = {
        name: st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm", timezone=time_zone())
        for name in moments
    }
    return {**whole, **when}
