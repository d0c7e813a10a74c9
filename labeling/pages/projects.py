"""Projects: bring in the example, create one, choose one."""

from pathlib import Path

import streamlit as st

from db import projects
from db.sessions import reading, writing
from labeling import creating, permissions, status, work
from labeling.errors import LabelingError
from labeling.pages.parts import context, errors, label_editor, resources, session_keys, upload
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted

EXAMPLE_FILE = Path("examples/climate_example.csv")
EXAMPLE_NAME = "Climate example"
OWN = "own"
TEMPLATES = {"climate": "Climate stance: Anti, Neutral, Pro, News", OWN: "My own labels"}


def main() -> None:
    """Draw the page."""
    with reading(resources.engine()) as session:
        existing = {p.id: p.name for p in projects.list_projects(session=session)}
        person = context.signed_in(session)
        allowed = person is not None and permissions.may(person.role, "create_project")
    if existing:
        st.title("Projects")
        _list(existing)
    else:
        st.title("Bring in tweets, correct the model, train it again")
    if not allowed:
        st.info("An admin creates projects and brings tweets in.", icon=":material/lock:")
        return
    left, right = st.columns(2, gap="large")
    if not existing:
        with left:
            _example()
        with right:
            _create()
        return
    with left, st.expander("Create a project", icon=":material/add:"):
        _create()
    if EXAMPLE_NAME not in existing.values():
        with right, st.expander("Bring in the example project", icon=":material/science:"):
            _example()


def _list(existing: dict[int, str]) -> None:
    current = st.session_state.get(session_keys.PROJECT)
    for number, name in existing.items():
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with reading(resources.engine()) as session:
                state = status.status(projects.get_project(name, session=session), session=session)
            with st.container(gap=None):
                st.text(name)
                reviewed = f"{state.reviewed:,} reviewed by a person"
                st.caption(f"{counted(state.tweets, 'tweet')} · {reviewed}")
            if number == current:
                st.badge("open", color="gray")
            elif st.button(f"Open {plain(name)}", key=f"projects_open_{number}"):
                context.choose_project(number, name)
                st.switch_page("labeling/pages/label.py")


def _example() -> None:
    st.subheader("Start with the example")
    st.write(
        "About 400 tweets on climate, written for this project, half of them labelled. "
        "One click brings them in and the first model pre-labels them; that takes about a minute."
    )
    if st.button("Bring in the example project", type="primary", icon=":material/science:"):
        with errors.shown():
            _bring_in_example()
            st.switch_page("labeling/pages/data.py")


def _bring_in_example() -> None:
    with writing(resources.engine()) as session:
        made = creating.create_project(
            EXAMPLE_NAME, session=session, template="climate", annotator_id=context.acting()
        )
        project_id = made.id
    with EXAMPLE_FILE.open("rb") as file:
        path = upload.keep(file)
    upload.submit(project_id, work.Upload(path, EXAMPLE_FILE.name), context.acting())
    context.choose_project(project_id, EXAMPLE_NAME)


def _create() -> None:
    st.subheader("Create a project")
    name = st.text_input("Name", key="projects_name", max_chars=80, placeholder="Climate stance")
    template = st.radio(
        "Labels",
        list(TEMPLATES),
        format_func=lambda key: TEMPLATES[key],
        key="projects_template",
    )
    own = template == OWN
    labels = label_editor.draw("projects_labels") if own else []
    if st.button("Create the project", key="projects_create"):
        with errors.shown():
            if not name.strip():
                raise LabelingError("Give the project a name.")
            with writing(resources.engine()) as session:
                made = creating.create_project(
                    name.strip(),
                    session=session,
                    template=None if own else template,
                    labels=labels,
                    annotator_id=context.acting(),
                )
                chosen = (made.id, made.name)
            context.choose_project(*chosen)
            st.switch_page("labeling/pages/data.py")


main()
