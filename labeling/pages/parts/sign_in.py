"""Signing in: pick a name on one's own machine, name and password, or at a provider."""

import streamlit as st
from sqlalchemy import exists, select

from db.accounts import LONGEST_NAME
from db.passwords import LONGEST
from db.schema import Annotator
from db.sessions import reading
from labeling import accounts
from labeling.access import access
from labeling.pages.parts import context, errors, identity, resources, session_keys


def person() -> str | None:
    """Return the name of the person at this browser, None when nobody has signed in."""
    with reading(resources.engine()) as session:
        found = context.signed_in(session)
        return None if found is None else found.name


def draw(refused: str | None = None) -> None:
    """Ask who is here; refused: why a provider's sign-in let nobody in."""
    _, middle, _ = st.columns([1, 2, 1])
    with middle:
        {"local": _names, "accounts": _password, "oidc": _provider}[access().way](refused)


def _names(_refused: str | None) -> None:
    """Ask for a name. The first person of an installation becomes its admin."""
    with reading(resources.engine()) as session:
        names = session.scalars(
            select(Annotator.name).where(Annotator.active).order_by(Annotator.name)
        ).all()
    with st.form("sign_in"):
        st.subheader("Who is labelling?")
        st.caption(
            "Every answer is kept under your name."
            if names
            else "Every answer is kept under your name. The first person here is the admin."
        )
        known = None
        if names:
            known = st.selectbox(
                "Your name",
                names,
                index=None,
                placeholder="Pick your name",
                key="sign_in_known",
            )
        # One key, so that a page from before the first person came keeps what was typed there.
        typed = st.text_input(
            "New here? Your name" if names else "Your name",
            key="sign_in_name",
            max_chars=LONGEST_NAME,
        )
        if st.form_submit_button("Continue", type="primary"):
            with errors.shown():
                _enter(typed if typed.strip() or known is None else known)


def _enter(name: str) -> None:
    st.session_state[session_keys.ANNOTATOR] = accounts.enter_by_name(
        name, engine=resources.engine()
    )
    st.session_state.pop(session_keys.SIGNED_OUT, None)
    st.rerun()


def _password(_refused: str | None) -> None:
    """Ask for name and password."""
    with st.form("sign_in_account"):
        st.subheader("Sign in")
        name = st.text_input(
            "Name", key="sign_in_account_name", max_chars=LONGEST_NAME, autocomplete="username"
        )
        password = st.text_input(
            "Password",
            type="password",
            key="sign_in_account_password",
            max_chars=LONGEST,
            autocomplete="current-password",
        )
        if st.form_submit_button("Sign in", type="primary"):
            with errors.shown():
                identity.enter(name, password)
                # Nothing here needs it any more.
                del st.session_state["sign_in_account_password"]
                st.rerun()
    with reading(resources.engine()) as session:
        some = session.scalar(select(exists().where(Annotator.password_hash.is_not(None))))
    if not some:
        st.info(
            "No account has a password yet. On the server, run: "
            "python -m db user add NAME --role admin",
            icon=":material/terminal:",
        )


def _provider(refused: str | None) -> None:
    """Send the browser to the provider, or say why it came back in vain."""
    st.subheader("Sign in")
    if refused is not None:
        errors.show(refused)
        st.button("Sign in as somebody else", on_click=st.logout, icon=":material/logout:")
        return
    st.button("Sign in", on_click=st.login, type="primary", icon=":material/login:")
