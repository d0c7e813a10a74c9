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
    return _outbox(st.session_state.get(key))


def annotate(data: dict[str, Any], *, key: str) -> list[Any]:
    """Draw the card with `data` (Exchange.to_json) and return the browser's outbox."""
    return _outbox(_card(key=key, data=data, on_outbox_change=_nothing))


def _outbox(state: Any) -> list[Any]:
    # The browser is not to be trusted with the shape of anything.
    found = state.get("outbox") if hasattr(state, "get") else None
    return found if isinstance(found, list) else []


def _nothing() -> None:
    """Name the state `outbox`; the page reads it in its body."""
