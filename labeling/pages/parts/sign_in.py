"""Signing in on one's own machine: pick a name, or type a new one."""

import streamlit as st
from sqlalchemy import func, select

from db import projects
from db.schema import Annotator
from db.sessions import reading, writing
from labeling.pages.parts import context, errors, resources, session_keys

LONGEST_NAME = 60


def person() -> str | None:
    """Return the name of the person at this browser, None when nobody has signed in."""
    with reading(resources.engine()) as session:
        found = context.signed_in(session)
        return None if found is None else found.name


def draw() -> None:
    """Ask for a name. The first person of an installation becomes its admin."""
    with reading(resources.engine()) as session:
        names = session.scalars(
            select(Annotator.name).where(Annotator.active).order_by(Annotator.name)
        ).all()
    _, middle, _ = st.columns([1, 2, 1])
    with middle, st.form("sign_in"):
        st.subheader("Who is labelling?")
        st.caption(
            "Every answer is kept under your name."
            if names
            else "Every answer is kept under your name. The first person here is the admin."
        )
        if names:
            name = st.selectbox(
                "Your name",
                names,
                index=None,
                accept_new_options=True,
                placeholder="Pick or type your name",
                key="sign_in_name",
            )
        else:
            name = st.text_input("Your name", key="sign_in_name", max_chars=LONGEST_NAME)
        if st.form_submit_button("Continue", type="primary"):
            with errors.shown():
                _enter((name or "").strip())


def _enter(name: str) -> None:
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        errors.show(f"A name has 1 to {LONGEST_NAME} visible characters; type yours and continue.")
        return
    with writing(resources.engine()) as session:
        first = session.scalar(select(func.count()).select_from(Annotator)) == 0
        entered = projects.get_or_add_annotator(
            name, session=session, role="admin" if first else "annotator"
        )
        if not entered.active:
            errors.show(f"{name} is not active here; an admin can change that under Settings.")
            return
        st.session_state[session_keys.ANNOTATOR] = entered.id
    st.session_state.pop(session_keys.SIGNED_OUT, None)
    st.rerun()
