"""One tweet with everything about it. Its text is shown as it is, never as Markdown."""

from urllib.parse import urlencode

import streamlit as st

from db import projects
from db.schema import Annotator
from db.sessions import reading, writing
from labeling import splitting
from labeling.pages.parts import charts, context, errors, example_list, notice, resources
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted, moment, percent
from labeling.tweet_history import Act, Member, TweetStory, tweet_story

PARAMETER = context.TWEET


def draw(page: context.PageContext, tweet_id: int, labels: LabelSet) -> None:
    """Draw a tweet beside the list: what stands, what models say, its history, its group."""
    story = _story(page, tweet_id)
    with st.container(border=True):
        st.text(story.text)
    _facts(story, labels)
    # A link to the page that one is on changes the address of that one run only, not the
    # browser's, and the next click would be back on the list.
    if st.button(
        "Its own page",
        key="tweet_open",
        type="tertiary",
        icon=":material/open_in_full:",
        on_click=_go_to,
        args=(story.external_id,),
    ):
        st.rerun(scope="app")
    _opinions(story, labels)
    _history(story, labels)
    if story.members:
        with st.expander(_group_title(story)):
            for one in story.members:
                st.text(one.text)


def draw_page(page: context.PageContext, tweet_id: int, labels: LabelSet) -> None:
    """Draw a tweet's own page: as beside the list, and what can be done with its group."""
    story = _story(page, tweet_id)
    all_tweets()
    left, right = st.columns([3, 2], gap="large")
    with left:
        with st.container(key="big_text_tweet", border=True):
            st.text(story.text)
        row = st.container(horizontal=True, vertical_alignment="center", gap="medium")
        with row.container(gap=None):
            _facts(story, labels)
        with row:
            example_list.adding(page, tweet_id, labels)
        _group(page, story)
    with right:
        _opinions(story, labels)
        _history(story, labels)


def all_tweets() -> None:
    """Draw the way from a tweet's own page back to the list."""
    st.button(
        "All tweets",
        key="tweet_leave",
        type="tertiary",
        icon=":material/arrow_back:",
        on_click=_go_to,
        args=(None,),
    )


def link(page: context.PageContext, external_id: str) -> None:
    """Draw a link from another page to a tweet's own page."""
    st.page_link(
        "labeling/pages/data.py",
        label="Its own page",
        icon=":material/open_in_full:",
        query_params={"project": page.project_name, PARAMETER: external_id},
    )


def address(page: context.PageContext, external_id: str) -> str:
    """Return the address of a tweet's own page, for links in tables."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    root = f"/{base}/data" if base else "/data"
    return f"{root}?{urlencode({'project': page.project_name, PARAMETER: external_id})}"


def _go_to(external_id: str | None) -> None:
    """Put a tweet's own page into the address, or the list."""
    if external_id is None:
        st.query_params.pop(PARAMETER, None)
    else:
        st.query_params[PARAMETER] = external_id


def _story(page: context.PageContext, tweet_id: int) -> TweetStory:
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        return tweet_story(tweet_id, project, session=session)


def _facts(story: TweetStory, labels: LabelSet) -> None:
    gold = f"{labels.name(story.gold)} ({story.gold_source})" if story.gold else "none yet"
    st.text(f"Gold label: {gold}")
    if story.gold_note:
        st.text(story.gold_note)
    st.caption(plain(f"id {story.external_id} · {story.split}"))


def _group_title(story: TweetStory) -> str:
    return f"{counted(story.group_size - 1, 'other tweet')} of its duplicate group"


def _group(page: context.PageContext, story: TweetStory) -> None:
    st.subheader(_group_title(story) if story.members else "It stands for itself only")
    if story.members:
        _member(page, Member(story.tweet_id, story.external_id, "This one"), "Split off")
    elif story.stands_apart:
        _member(page, Member(story.tweet_id, story.external_id, "This one"), "Put back")
    for one in story.members:
        _member(page, one, "Split off")
    if story.apart:
        st.subheader("Split off it")
        for one in story.apart:
            _member(page, one, "Put back")


def _member(page: context.PageContext, member: Member, act: str) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    row.text(member.text)
    if row.button(act, key=f"group_{member.tweet_id}", type="tertiary"):
        with errors.shown():
            with writing(resources.engine()) as session:
                project = projects.get_project(page.project_name, session=session)
                person = session.get_one(Annotator, page.annotator_id)
                move = splitting.split_off if act == "Split off" else splitting.rejoin
                move(project, member.tweet_id, person, session=session)
            notice.leave(f"Tweet {member.external_id}: {act.lower()}, done.")
            st.rerun()


def _opinions(story: TweetStory, labels: LabelSet) -> None:
    for opinion in story.opinions[:2]:
        st.caption(f"Version {opinion.number}, {opinion.state}")
        st.altair_chart(
            charts.probabilities(labels, opinion.probabilities),
            alt=f"What version {opinion.number} says",
        )


def _history(story: TweetStory, labels: LabelSet) -> None:
    if not story.acts:
        st.caption("Nobody has answered yet.")
        return
    st.subheader("History")
    for act in story.acts:
        st.text(f"{act.person}: {_what(act, labels)}")
        asked = act.queue_reason.replace("_", " ")
        parts = [_suggestion(act, labels), asked and f"asked: {asked}", moment(act.at)]
        st.caption(plain(" · ".join(part for part in parts if part)))


def _what(act: Act, labels: LabelSet) -> str:
    said = labels.name(act.label) if act.kind == "label" else act.kind
    if act.comment:
        said = f"{said}: {act.comment}"
    elif act.kind == "comment":
        said = "comment taken away"
    return f"{said} (taken back)" if act.undone else said


def _suggestion(act: Act, labels: LabelSet) -> str:
    if act.suggested_label is None:
        return ""
    seen = "" if act.suggestion_shown else ", not shown"
    return f"suggested {labels.name(act.suggested_label)} {percent(act.suggested_confidence)}{seen}"
