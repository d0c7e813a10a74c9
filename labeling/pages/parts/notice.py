"""One line about what has just happened, carried over the rerun that follows it."""

import streamlit as st

from labeling.pages.parts import session_keys
from labeling.pages.parts.plain import plain


def leave(message: str) -> None:
    """Keep a line for the next run of a page."""
    st.session_state[session_keys.NOTICE] = message


def show() -> None:
    """Show the line that was left, once."""
    message = st.session_state.pop(session_keys.NOTICE, None)
    if message:
        st.toast(plain(message), icon=":material/check:")
