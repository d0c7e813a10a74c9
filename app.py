"""Relabel's entry: the frame, the person, the pages. Everything else is in labeling/pages."""

import streamlit as st

from labeling.pages.parts import context, errors, frame, header, sign_in

PAGES = "labeling/pages"
NAMES = (
    "label",
    "review",
    "data",
    "train",
    "models",
    "insights",
    "export",
    "settings",
    "projects",
)


def main() -> None:
    """Draw the frame and the page that the address names; without a project, the projects."""
    st.set_page_config(page_title="Relabel", page_icon=f"{PAGES}/mark.svg", layout="wide")
    st.logo(f"{PAGES}/logo.svg", size="large")
    with errors.shown():
        person = sign_in.person()
        first = "label" if context.any_project() else "projects"
        page = st.navigation(
            [
                st.Page(
                    f"{PAGES}/{name}.py",
                    title=name.capitalize(),
                    url_path=name,
                    default=name == first,
                )
                for name in NAMES
            ],
            position="top" if person is not None else "hidden",
        )
        frame.draw(person if person is not None else "")
        if person is None:
            sign_in.draw()
            return
        header.draw()
        page.run()


main()
