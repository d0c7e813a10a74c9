"""What a form was drawn from: what is stored may change under it while somebody fills it in."""

from typing import TypeVar

import streamlit as st

Stored = TypeVar("Stored")


def drawn_from(key: str, stored: Stored, *, pending: bool) -> Stored:
    """Return what the form `key` shows before its changes.

    That is what is stored now; while changes are pending, it is what was stored when they began,
    because an edit of a table is known by its row's place, and because who saves must be told
    when the stored thing is another one by then.
    """
    name = f"{key}_drawn"
    if not pending or name not in st.session_state:
        st.session_state[name] = stored
    found: Stored = st.session_state[name]
    return found


def edited(key: str) -> bool:
    """Tell whether the data editor `key` holds edits that are not saved."""
    state = st.session_state.get(key)
    return state is not None and any(state.values())
