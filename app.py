"""Relabel's entry: the frame, the person, the pages. Everything else is in labeling/pages."""

from pathlib import Path

import streamlit as st

from labeling.pages.parts import errors, frame, header, sign_in

PAGES = Path("labeling/pages")
TITLES = {
    "label": "Label",
    "review": "Review",
    "data": "Data",
    "train": "Train",
    "models": "Models",
    "insights": "Insights",
    "export": "Export",
    "settings": "Settings",
    "projects": "Projects",
}


def main() -> None:
    """Draw the frame and the page that the address names."""
    st.set_page_config(page_title="Relabel", page_icon="labeling/pages/mark.svg", layout="wide")
    pages = [
        st.Page(PAGES / f"{name}.py", title=title, url_path=name, default=name == "label")
        for name, title in TITLES.items()
        if (PAGES / f"{name}.py").exists()
    ]
    page = st.navigation(pages, position="top")
    with errors.shown():
        person = sign_in.person()
        frame.draw(person if person is not None else "")
        if person is None:
            sign_in.draw()
            return
        header.draw()
        page.run()


main()
