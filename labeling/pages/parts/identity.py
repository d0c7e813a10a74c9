"""Whose stay this browser's is, where people sign in with an account or at a provider.

What is kept in the session is the number of a stay; whether it still lives is asked of the store
at every run, so that signing out, a new password or a disabled account end it everywhere.
"""

from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from db import sign_ins
from db.schema import Annotator
from db.sessions import reading, writing
from labeling import accounts
from labeling.access import access
from labeling.errors import SignInRefused
from labeling.pages.parts import resources, session_keys

COOKIE = "relabel_session"


def of_stay(session: Session) -> Annotator | None:
    """Return whose stay it is: this session's, else the one that the browser's cookie names."""
    number = st.session_state.get(session_keys.SIGN_IN)
    if number is None and access().way == "accounts":
        token = st.context.cookies.get(COOKIE)
        stay = sign_ins.by_token(token, session=session) if isinstance(token, str) else None
        if stay is None:
            return None
        number = st.session_state[session_keys.SIGN_IN] = stay.id
    return None if number is None else sign_ins.person_of(number, session=session)


def admit_by_provider() -> str | None:
    """Take over what the provider says of this browser; return why nobody was let in, if so."""
    if access().way != "oidc" or not st.user.is_logged_in:
        return None
    claims: dict[str, Any] = st.user.to_dict()
    try:
        stay = accounts.sign_in_by_provider(claims, engine=resources.engine())
    except SignInRefused as refused:
        st.session_state.pop(session_keys.SIGN_IN, None)
        return str(refused)
    st.session_state[session_keys.SIGN_IN] = stay
    return None


def enter(name: str, password: str) -> None:
    """Sign in with an account. Raises SignInRefused."""
    entry = accounts.sign_in(name, password, engine=resources.engine())
    st.session_state[session_keys.SIGN_IN] = entry.sign_in_id
    st.session_state[session_keys.TICKET] = entry.ticket
    st.session_state.pop(session_keys.SIGNED_OUT, None)


def leave() -> None:
    """End this browser's stay."""
    number = st.session_state.pop(session_keys.SIGN_IN, None)
    st.session_state.pop(session_keys.TICKET, None)
    if number is not None:
        accounts.sign_out(number, engine=resources.engine())


def mark_seen() -> None:
    """Note that the person did something, so that the stay does not end under their hands."""
    number = st.session_state.get(session_keys.SIGN_IN)
    if number is None:
        return
    with reading(resources.engine()) as session:
        due = sign_ins.is_stale(number, session=session)
    if due:
        with writing(resources.engine()) as session:
            sign_ins.mark_seen(number, session=session)
