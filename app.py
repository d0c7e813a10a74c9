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


def page_of(name: str, *, default: bool) -> st.Page:
    """Return a page by its name; the default one is what the bare address opens."""
    path = "home" if default else name
    return st.Page(f"{PAGES}/{name}.py", title=name.capitalize(), url_path=path, default=default)


def by_its_name(name: str) -> st.Page:
    """Return the default page once more: Streamlit knows it by the bare address only."""
    return st.Page(
        f"{PAGES}/{name}.py", title=name.capitalize(), url_path=name, visibility="hidden"
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
            [*(page_of(name, default=name == first) for name in NAMES), by_its_name(first)],
            position="top" if person is not None else "hidden",
        )
        frame.draw(
            person,
            page=page.url_path,
            project=context.current_name() if person is not None else None,
        )
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
