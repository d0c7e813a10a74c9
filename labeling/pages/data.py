"""Data: what have we got, what is left, find me this one; and bringing files in."""

import streamlit as st
from sqlalchemy import select

from db import projects
from db.schema import Tweet
from db.sessions import reading
from labeling import prelabel, status
from labeling.pages.parts import (
    context,
    errors,
    imports,
    jobs,
    label_set,
    notice,
    resources,
    tweet_detail,
    tweets,
    upload,
)
from labeling.pages.parts.wording import agreed, counted, percent

VIEWS = ["Tweets", "Bring in a file"]


def main() -> None:
    """Draw the page."""
    page = context.current()
    named = st.query_params.get(tweet_detail.PARAMETER)
    if named:
        _tweet(page, named)
        return
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
        if imports.watched(page):
            imports.outcome(page)
        tweets.draw(page)


def _tweet(page: context.PageContext, external_id: str) -> None:
    st.title("Tweet")
    notice.show()
    with reading(resources.engine()) as session:
        query = select(Tweet.id).where(
            Tweet.project_id == page.project_id, Tweet.external_id == external_id
        )
        tweet_id = session.scalars(query).one_or_none()
    if tweet_id is None:
        st.info("No tweet of this project has the id in the address.", icon=":material/search_off:")
        tweet_detail.all_tweets()
        return
    tweet_detail.draw_page(page, tweet_id, label_set.load(page.project_id))


def _offer_prelabelling(page: context.PageContext) -> None:
    if st.button("Pre-label the tweets", type="primary", icon=":material/model_training:"):
        with errors.shown():
            prelabel.ensure_classifier(
                resources.engine(),
                resources.settings(),
                page.project_id,
                retry=True,
                annotator_id=page.annotator_id,
            )
            st.rerun()


def sentence(state: status.Status) -> str:
    """Say what the project holds and what is left."""
    if state.tweets == 0:
        return "No tweets yet. Bring in a file."
    share = state.gold_total / state.tweets
    return (
        f"{counted(state.tweets, 'tweet')} in {counted(state.groups, 'duplicate group')}; "
        f"{state.gold_total:,} {agreed(state.gold_total, 'has', 'have')} a gold label "
        f"({percent(share)}), "
        f"{state.reviewed:,} {agreed(state.reviewed, 'was', 'were')} reviewed by a person, "
        f"{state.predictions:,} {agreed(state.predictions, 'has', 'have')} a prediction."
    )


main()
