"""Numbers, durations and moments in words, the same on every page."""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

FORMATS = {"csv": "CSV", "jsonl": "JSON lines"}


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 tweet", "8,402 tweets"."""
    word = singular if number == 1 else (plural or f"{singular}s")
    return f"{number:,} {word}"


def agreed(number: int, singular: str, plural: str) -> str:
    """Return the verb that goes with a number: "has" with 1, else "have"."""
    return singular if number == 1 else plural


def percent(share: float | None) -> str:
    """Return a share as "71.3 %"; an unknown one as a dash."""
    return "–" if share is None else f"{100 * share:.1f} %"


def score(value: float | None) -> str:
    """Return a score in 0..1 with three decimals; an unknown one as a dash."""
    return "–" if value is None else f"{value:.3f}"


def interval(bounds: list[float] | tuple[float, float] | None) -> str:
    """Return a 95% interval as "0.58 to 0.66"; an unknown one as a dash."""
    return "–" if not bounds else f"{bounds[0]:.3f} to {bounds[1]:.3f}"


def chance(p: float) -> str:
    """Return a p-value as "p = 0.034"; one that would read 0.000 as "p < 0.001"."""
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"


def duration(seconds: float | None) -> str:
    """Return a rough duration: "a few seconds", "about 40 seconds", "about 3 minutes"."""
    if seconds is None:
        return "an unknown time"
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} seconds"
    if seconds < 90 * 60:
        return f"about {counted(round(seconds / 60), 'minute')}"
    return f"about {seconds / 3600:.1f} hours"


def time_zone() -> str | None:
    """Return the browser's time zone, None where there is no browser."""
    zone = st.context.timezone
    return zone if isinstance(zone, str) and zone else None


def moment(when: datetime | None) -> str:
    """Return a moment in the browser's time zone; a missing one as a dash."""
    if when is None:
        return "–"
    zone = time_zone()
    local = when.astimezone(ZoneInfo(zone)) if zone else when
    return f"{local:%d %b %Y, %H:%M}"


KINDS = {"zero_shot": "zero-shot", "probe": "probe", "fine_tuned": "fine-tuned"}
SPLITS = {"train": "train", "validation": "validation", "test": "test"}
