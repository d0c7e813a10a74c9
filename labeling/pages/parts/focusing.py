"""What a person wants to be asked, below the card. All of it is in the address."""

import streamlit as st

from db.project_settings import QUEUE_ORDERS
from labeling.focus import LONGEST_SEARCH, Focus
from labeling.pages.parts import label_set
from labeling.pages.parts.label_set import LabelSet

ORDER, PREDICTED, SEARCH = "ask_order", "ask_predicted", "ask_search"
ORDERS = {
    "margin": "Closest call first",
    "least_confident": "Least confident first",
    "entropy": "Most mixed first",
    "diverse": "Most different from what is labelled",
    "disagreement": "Where two versions disagree",
    "random": "At random",
}


def draw(project_id: int) -> Focus:
    """Draw the choice; return what the person wants to be asked."""
    labels = label_set.load(project_id)
    title = "Chosen tweets" if _chosen(labels) else "What to ask"
    with st.popover(title, icon=":material/tune:", type="tertiary"):
        order = st.selectbox(
            "Order",
            QUEUE_ORDERS,
            None,
            key=ORDER,
            format_func=lambda name: ORDERS[str(name)],
            placeholder="As the project says",
            bind="query-params",
        )
        predicted = st.selectbox(
            "Only what the model takes for",
            [label.value for label in labels.active],
            None,
            key=PREDICTED,
            format_func=labels.name,
            placeholder="Any label",
            bind="query-params",
        )
        search = st.text_input(
            "Only tweets that contain",
            key=SEARCH,
            max_chars=LONGEST_SEARCH,
            placeholder="Any text",
            bind="query-params",
        )
        st.caption(
            "With a label or a text you are asked training tweets only: validation and test "
            "tweets are asked at random, so that scores on them stay honest."
        )
    return Focus(
        order=None if order is None else str(order),
        predicted_as=None if predicted is None else str(predicted),
        search=(search or "").strip(),
    )


def _chosen(labels: LabelSet) -> bool:
    """Tell whether something is chosen, before the widgets are drawn that say so.

    At the first run only the address knows; it names orders and labels as people read them.
    """
    known = {ORDER: set(ORDERS.values()), PREDICTED: set(labels.names(labels.values))}
    for key in (ORDER, PREDICTED, SEARCH):
        if key in st.session_state:
            found = st.session_state[key]
        else:
            found = st.query_params.get(key)
            if key in known and found not in known[key]:
                found = None
        if found and str(found).strip():
            return True
    return False
