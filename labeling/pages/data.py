"""Data: what have we got, what is left, find me this one; and bringing files in."""

import streamlit as st

from db import projects
from db.sessions import reading
from labeling import prelabel, status
from labeling.pages.parts import context, errors, imports, jobs, resources, tweets, upload
from labeling.pages.parts.wording import counted, percent

VIEWS = ["Tweets", "Bring in a file"]


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Data")
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        state = status.status(project, session=session)
    st.text(sentence(state))
    importing = imports.newest(page)
    if state.tweets == 0:
        if not importing:
            upload.draw(page)
            imports.files(page)
        return
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="data_view",
        bind="query-params",
        label_visibility="collapsed",
    )
    working = importing or jobs.model_work(page.project_id, failures=state.current_model is None)
    if state.current_model is None and not working and page.may("prelabel"):
        _offer_prelabelling(page)
    if view == VIEWS[1]:
        imports.outcome(page)
        if not importing:
            upload.draw(page)
        imports.files(page)
    else:
        tweets.draw(page)


def _offer_prelabelling(page: context.PageContext) -> None:
    if st.button("Pre-label the tweets", type="primary", icon=":material/model_training:"):
        with errors.shown():
            prelabel.ensure_classifier(
                resources.engine(), resources.settings(), page.project_id, retry=True
            )
            st.rerun()


def sentence(state: status.Status) -> str:
    """Say what the project holds and what is left."""
    if state.tweets == 0:
        return "No tweets yet. Bring in a CSV file."
    share = state.gold_total / state.tweets
    return (
        f"{counted(state.tweets, 'tweet')} in {counted(state.groups, 'duplicate group')}; "
        f"{state.gold_total:,} have a gold label ({percent(share)}), "
        f"{state.reviewed:,} were reviewed by a person, {state.predictions:,} have a prediction."
    )


main()
