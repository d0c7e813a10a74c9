"""The keyboard-first card as a Streamlit component; its protocol is in exchange.py."""

from typing import Any

import streamlit as st

from labeling.widget import assembly

# Streamlit asks for the definition at import; the script is read once per process.
_card = st.components.v2.component(
    "relabel_card", html=assembly.markup(), css=assembly.style(), js=assembly.script()
)


def sent(key: str) -> list[Any]:
    """Return the outbox as the browser sent it last, before the card is drawn in this run."""
    # The browser is not to be trusted with the shape of anything.
    found = _state(key, "outbox")
    return found if isinstance(found, list) else []


def asked(key: str) -> Any:
    """Return the question that the browser has open, as it sent it."""
    return _state(key, "question")


def annotate(data: dict[str, Any], *, key: str) -> None:
    """Draw the card with `data` (exchange.to_json)."""
    _card(key=key, data=data, on_outbox_change=_nothing, on_question_change=_nothing)


def _state(key: str, name: str) -> Any:
    state = st.session_state.get(key)
    return None if state is None or not hasattr(state, "get") else state.get(name)


def _nothing() -> None:
    """Name a state; the page reads it in its body."""
