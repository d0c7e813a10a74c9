"""The test tweets that a version fixes or breaks: what is right, what each version said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st
from sqlalchemy import select

from db.schema import Gold, Tweet
from db.sessions import reading
from labeling import models
from labeling.pages.parts import resources, tables, tweet_detail
from labeling.pages.parts.context import PageContext
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain

SHOWN = 50


@dataclass(frozen=True)
class _Tweet:
    """A tweet of the table. gold: its gold label now, None if it has none any more."""

    external_id: str
    text: str
    gold: str | None


def draw(
    page: PageContext,
    title: str,
    ids: Sequence[int],
    labels: LabelSet,
    *,
    wrong: models.VersionRow | None,
    right: models.VersionRow | None,
) -> None:
    """Draw tweets that one version has wrong and the other right, in the order given.

    wrong, right: None where that version is not known any more.
    """
    if not ids:
        return
    found = _tweets(ids[:SHOWN])
    errors = _errors(wrong)
    rows = [
        _row(page, found[i], labels, errors.get(i), wrong, right) for i in ids[:SHOWN] if i in found
    ]
    st.caption(plain(f"{title}, {len(rows)} of {len(ids)} shown"))
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        height=tables.height(len(rows), 5),
        column_config={
            "Tweet": st.column_config.TextColumn(width="large"),
            "Open": st.column_config.LinkColumn(display_text="its page"),
        },
    )


def _tweets(ids: Sequence[int]) -> dict[int, _Tweet]:
    with reading(resources.engine()) as session:
        query = (
            select(Tweet.id, Tweet.external_id, Tweet.text, Gold.label)
            .outerjoin(Gold, Gold.tweet_id == Tweet.id)
            .where(Tweet.id.in_(ids))
        )
        return {
            row.id: _Tweet(row.external_id, row.text, row.label) for row in session.execute(query)
        }


def _errors(version: models.VersionRow | None) -> Mapping[int, Mapping[str, Any]]:
    """Return the errors on the test split that were kept with a version, by tweet."""
    kept = [] if version is None else version.metrics.get("mistakes", {}).get("test", [])
    return {int(one["tweet"]): one for one in kept}


def _row(
    page: PageContext,
    tweet: _Tweet,
    labels: LabelSet,
    error: Mapping[str, Any] | None,
    wrong: models.VersionRow | None,
    right: models.VersionRow | None,
) -> dict[str, str]:
    """Return a line of the table; who said what only where the error was kept and still is one."""
    known = error is not None and error["truth"] == tweet.gold
    said = {
        row.number: labels.name(str(value) if known else None)
        for row, value in ((wrong, (error or {}).get("predicted")), (right, tweet.gold))
        if row is not None
    }
    return {
        "Tweet": tweet.text,
        "Gold label": labels.name(tweet.gold),
        **{f"Version {number}": said[number] for number in sorted(said)},
        "Open": tweet_detail.address(page, tweet.external_id),
    }
