"""What stands at the right of the page names: the project, and who is here."""

import streamlit as st
from sqlalchemy import select

from db import projects
from db.schema import Annotator
from db.sessions import reading
from labeling import accounts
from labeling.access import access
from labeling.pages.parts import context, errors, identity, resources, session_keys
from labeling.pages.parts.plain import plain, shorten


def draw() -> None:
    """Draw the project picker and the person's menu."""
    with reading(resources.engine()) as session:
        current = context.current_project(session)
        person = context.signed_in(session)
        names = {project.id: project.name for project in projects.list_projects(session=session)}
        everybody = select(Annotator.name).where(Annotator.active).order_by(Annotator.name)
        # Only where there are no passwords can one person become another.
        people = session.scalars(everybody).all() if access().way == "local" else []
    if person is None:
        return
    with st.container(
        key="relabel_header", horizontal=True, horizontal_alignment="right", gap="small"
    ):
        if names:
            _projects(current.id if current is not None else None, names)
        _person(person.name, list(people))
    errors.show_kept(session_keys.SWITCH_PROBLEM)
    st.session_state.pop(session_keys.SWITCH_PROBLEM, None)


def _projects(current_id: int | None, names: dict[int, str]) -> None:
    label = "No project" if current_id is None else plain(shorten(names[current_id], 28))
    with st.popover(label, icon=":material/folder:", type="tertiary"):
        for number, name in names.items():
            st.button(
                plain(name),
                key=f"{session_keys.PROJECT_PICKER}_{number}",
                type="primary" if number == current_id else "tertiary",
                on_click=context.choose_project,
                args=(number, name),
                width="stretch",
            )
        st.page_link(
            "labeling/pages/projects.py", label="All projects", icon=":material/folder_open:"
        )


def _person(name: str, people: list[str]) -> None:
    with st.popover(plain(shorten(name, 18)), icon=":material/person:", type="tertiary"):
        if len(people) > 1:
            st.selectbox(
                "Person at this browser",
                people,
                index=people.index(name),
                key=session_keys.PERSON_PICKER,
                on_change=_switch,
            )
        st.button("Sign out", on_click=sign_out, icon=":material/logout:", width="stretch")


def _switch() -> None:
    name = st.session_state[session_keys.PERSON_PICKER]
    with errors.kept(session_keys.SWITCH_PROBLEM):
        found = accounts.enter_by_name(name, engine=resources.engine())
        st.session_state[session_keys.ANNOTATOR] = found


def sign_out() -> None:
    """Forget who is here, in this session, in the browser's cookie and in the store."""
    st.session_state.pop(session_keys.ANNOTATOR, None)
    st.session_state.pop(session_keys.PERSON_PICKER, None)
    st.session_state[session_keys.SIGNED_OUT] = True
    identity.leave()
    if access().way == "oidc":
        st.logout()
