"""One tweet with everything about it. Its text is shown as it is, never as Markdown."""

import streamlit as st

from db import projects
from db.sessions import reading
from labeling.pages.parts import charts, context, resources
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted, moment, percent
from labeling.tweet_history import Act, TweetStory, tweet_story


def draw(page: context.PageContext, tweet_id: int, labels: LabelSet) -> None:
    """Draw a tweet, what stands, what models say, and its whole history."""
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        story = tweet_story(tweet_id, project, session=session)
    with st.container(border=True):
        st.text(story.text)
    st.caption(f"id {story.external_id} · {story.split}")
    gold = f"{labels.name(story.gold)} ({story.gold_source})" if story.gold else "none yet"
    st.text(f"Gold label: {gold}")
    if story.gold_note:
        st.text(story.gold_note)
    _opinions(story, labels)
    _history(story, labels)
    if story.members:
        with st.expander(f"{counted(len(story.members), 'other tweet')} of its duplicate group"):
            for text in story.members:
                st.text(text)


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
    return f"{said} (taken back)" if act.undone else said


def _suggestion(act: Act, labels: LabelSet) -> str:
    if act.suggested_label is None:
        return ""
    seen = "" if act.suggestion_shown else ", not shown"
    return f"suggested {labels.name(act.suggested_label)} {percent(act.suggested_confidence)}{seen}"
