"""Relabel's entry: the frame, the person, the pages. Everything else is in labeling/pages."""

import streamlit as st

from labeling.pages.parts import context, errors, frame, header, identity, server, sign_in

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
        server.check()
        refused = identity.admit_by_provider()
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
        frame.draw(person)
        if person is None:
            sign_in.draw(refused)
            return
        identity.mark_seen()
        header.draw()
        page.run()


if __name__ == "__main__":
    # As the script of a page view.
    main()
else:
    # As the server that `streamlit run app.py` looks for.
    app = st.App(__file__, **server.options())
