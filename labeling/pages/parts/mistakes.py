"""The judged tweets that a version gets wrong, as a table; each opens its own page."""

from contextlib import suppress

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from db.sessions import reading
from labeling import mistakes, models
from labeling.pages.parts import resources, tables, tweet_detail
from labeling.pages.parts.context import PageContext
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.wording import counted

VIEW = "models_view"  # of the models page's address
ERRORS = "Errors"


def draw(page: PageContext, version: models.VersionRow, split: str, labels: LabelSet) -> None:
    """Draw the errors of a version on a split."""
    metrics = version.metrics
    if "mistakes" not in metrics:
        st.info(
            "This version was trained before errors were kept; train again to see them.",
            icon=":material/info:",
        )
        return
    with reading(resources.engine()) as session:
        found = mistakes.mistakes_of(metrics, split, session=session)
    total = metrics[split]["n"]
    wrong = round(total * (1 - metrics[split]["accuracy"]))
    st.text(
        f"Version {version.number} gets {wrong:,} of {counted(total, 'tweet')} of the {split} "
        f"split wrong; its {counted(len(found), 'most confident error')} first."
    )
    st.caption(
        "The surest errors are hard tweets, or labels to look at again. A label that was "
        "changed since stands in the last column."
    )
    rows = [
        {
            "Tweet": one.text,
            "Gold label": labels.name(one.truth),
            "Predicted": labels.name(one.predicted),
            "Confidence": one.confidence,
            "Open": tweet_detail.address(page, one.external_id),
            "Label now": "" if one.gold == one.truth else labels.name(one.gold or "none"),
        }
        for one in found
    ]
    st.dataframe(
        pd.DataFrame(
            rows, columns=["Tweet", "Gold label", "Predicted", "Confidence", "Open", "Label now"]
        ),
        hide_index=True,
        height=tables.height(len(rows), 15),
        column_config={
            "Tweet": st.column_config.TextColumn(width="large"),
            "Confidence": st.column_config.NumberColumn(format="%.3f"),
            "Open": st.column_config.LinkColumn(display_text="its page"),
        },
    )


def link(page: PageContext) -> None:
    """Draw a link to the errors of the version in use; none where the page stands alone."""
    with suppress(StreamlitPageNotFoundError):
        st.page_link(
            "labeling/pages/models.py",
            label="What the model gets wrong",
            icon=":material/rule:",
            query_params={"project": page.project_name, VIEW: ERRORS},
        )
