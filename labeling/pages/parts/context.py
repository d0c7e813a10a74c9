"""Who is looking at which project."""

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

import streamlit as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from db import projects
from db.schema import Annotator, Project
from db.sessions import reading
from labeling import permissions
from labeling.access import access
from labeling.errors import PermissionRefused
from labeling.pages.parts import identity, resources, session_keys
from labeling.pages.parts.plain import plain, shorten

PERSON_COOKIE = "relabel_person"
TWEET = "tweet"  # of the data page's address: the id of a tweet of the current project


@dataclass(frozen=True)
class PageContext:
    """The project on screen and the person in front of it. role: annotator, reviewer or admin."""

    project_id: int
    project_name: str
    annotator_id: int
    annotator_name: str
    role: str

    def may(self, action: str) -> bool:
        """Tell whether this person's role allows an action of labeling.permissions."""
        return permissions.may(self.role, action)

    def require(self, action: str) -> None:
        """Raise PermissionRefused unless this person's role allows the action."""
        permissions.require(self.role, action)


def current() -> PageContext:
    """Return the current project and person; a page without either ends here, saying why."""
    with reading(resources.engine()) as session:
        person = signed_in(session)
        project = current_project(session)
        if person is None:
            st.info("Sign in first: reload the page.", icon=":material/person:")
            st.stop()
        if project is None:
            _no_project(session)
        return PageContext(project.id, project.name, person.id, person.name, person.role)


def signed_in(session: Session) -> Annotator | None:
    """Return the person at this browser, as the chosen way in knows them."""
    if access().way != "local":
        return identity.of_stay(session)
    chosen = st.session_state.get(session_keys.ANNOTATOR)
    if chosen is not None:
        person = session.get(Annotator, chosen)
        if person is not None and person.active:
            return person
    remembered = st.context.cookies.get(PERSON_COOKIE)
    if not isinstance(remembered, str) or st.session_state.get(session_keys.SIGNED_OUT):
        return None
    query = select(Annotator).where(Annotator.name == unquote(remembered), Annotator.active)
    person = session.scalars(query).one_or_none()
    if person is not None:
        st.session_state[session_keys.ANNOTATOR] = person.id
    return person


def still_here(page: PageContext) -> bool:
    """Tell whether the page's person is still signed in, for parts that run by themselves."""
    with reading(resources.engine()) as session:
        person = signed_in(session)
        return person is not None and person.id == page.annotator_id


def acting() -> int:
    """Return the number of the person at this browser, for acts outside a page's own run.

    Raises PermissionRefused when nobody is signed in any more.
    """
    with reading(resources.engine()) as session:
        person = signed_in(session)
        if person is None:
            raise PermissionRefused("nobody is signed in here any more; reload the page")
        return person.id


def current_project(session: Session) -> Project | None:
    """Return the project that the address names, else this session's, else the newest.

    None where the address names one that there is not: nothing is done to another project instead.
    The address wins so that a link opens what it says; the choice is then kept for the session,
    because moving between pages drops the address's parameters. The frame puts the name into the
    address, as setting a query parameter here would make an entry of its own in the history.
    """
    named = st.query_params.get("project")
    if named:
        project = session.scalars(select(Project).where(Project.name == named)).one_or_none()
        if project is not None:
            st.session_state[session_keys.PROJECT] = project.id
        return project
    project = None
    if session_keys.PROJECT in st.session_state:
        project = session.get(Project, st.session_state[session_keys.PROJECT])
    if project is None:
        project = session.scalars(select(Project).order_by(Project.id.desc()).limit(1)).first()
    if project is not None:
        st.session_state[session_keys.PROJECT] = project.id
    return project


def current_name() -> str | None:
    """Return the current project's name, None without one."""
    with reading(resources.engine()) as session:
        project = current_project(session)
        return project.name if project is not None else None


def any_project() -> bool:
    """Tell whether this installation has a project."""
    with reading(resources.engine()) as session:
        return session.scalar(select(Project.id).limit(1)) is not None


def choose_project(project_id: int, name: str) -> None:
    """Make a project the current one."""
    st.session_state[session_keys.PROJECT] = project_id
    st.query_params["project"] = name
    st.query_params.pop(TWEET, None)


def _no_project(session: Session) -> NoReturn:
    """Say that there is no project, or none of the name in the address, and end the page."""
    known = projects.list_projects(session=session)
    named = st.query_params.get("project", "")
    if known:
        st.info(
            plain(f"There is no project called “{shorten(named)}”. There are these:"),
            icon=":material/folder_off:",
        )
        for one in known:
            st.button(
                plain(one.name),
                key=f"{session_keys.PROJECT_PICKER}_instead_{one.id}",
                icon=":material/folder:",
                type="tertiary",
                on_click=choose_project,
                args=(one.id, one.name),
            )
        st.stop()
    st.info(
        "There is no project yet. Bring in the example or create one.", icon=":material/folder:"
    )
    if st.button("Open projects", type="primary"):
        st.switch_page("labeling/pages/projects.py")
    st.stop()
