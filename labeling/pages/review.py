"""Review: who disagrees about what; decide."""

import streamlit as st

from db import projects
from db.schema import Annotator, Project
from db.sessions import reading, writing
from labeling import review
from labeling.pages.parts import (
    context,
    errors,
    example_list,
    label_set,
    notice,
    resources,
    tweet_detail,
)
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted, moment, percent

WORDS = {
    "disagreement": "people disagree",
    "flagged": "flagged",
    "stale": "answered from an old page",
    "against_model": "against a sure model",
}
PLACE, LAST = "review_place", "review_last"


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Review")
    notice.show()
    if not page.may("review"):
        st.info("Deciding takes a reviewer or an admin.", icon=":material/lock:")
        return
    labels = label_set.load(page.project_id)
    with reading(resources.engine()) as session:
        project = session.get_one(Project, page.project_id)
        reviewer = session.get_one(Annotator, page.annotator_id)
        counts = review.count_review(project, reviewer, session=session)
        guidelines = project.guidelines
        always_hidden = projects.settings_of(project).hide_names
    st.text(_sentence(counts))
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    reasons = row.pills(
        "Reasons",
        review.REASONS,
        selection_mode="multi",
        default=review.REASONS,
        format_func=lambda name: f"{WORDS[name]} · {counts[name]:,}",
        key="review_reasons",
        label_visibility="collapsed",
    )
    hidden = always_hidden or row.toggle("Hide names", key="review_hide_names", bind="query-params")
    _take_back(page)
    with errors.shown():
        _queue(page, labels, reasons, hidden, guidelines)


def _sentence(counts: dict[str, int]) -> str:
    waiting = [f"{WORDS[reason]} ({number:,})" for reason, number in counts.items() if number]
    return f"Waiting for a decision: {', '.join(waiting)}." if waiting else "Nothing to decide."


def _queue(
    page: context.PageContext, labels: LabelSet, reasons: list[str], hidden: bool, guidelines: str
) -> None:
    with reading(resources.engine()) as session:
        items = review.review_queue(
            session.get_one(Project, page.project_id),
            session.get_one(Annotator, page.annotator_id),
            session=session,
            reasons=reasons,
            limit=50,
            names=not hidden,
        )
    if not items:
        st.info(
            "The queue is empty. Disagreements, flags and answers against a sure model "
            "come here by themselves.",
            icon=":material/done_all:",
        )
        return
    place = min(st.session_state.get(PLACE, 0), len(items) - 1)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _item(items[place], labels)
        _standing(page, items[place], labels)
        _decide(page, items[place], labels)
        _walk(place, len(items))
    with right:
        st.subheader("Guidelines")
        with st.container(border=True):
            st.markdown(guidelines or "No guidelines yet.")
            example_list.draw(page)


def _item(item: review.ReviewItem, labels: LabelSet) -> None:
    why = ", ".join(WORDS[reason] for reason in item.why)
    group = f" · stands for {counted(item.group_size, 'tweet')}" if item.group_size > 1 else ""
    st.caption(plain(f"{why}{group} · {item.split} · id {item.external_id}"))
    with st.container(key="big_text_review", border=True):
        st.text(item.text)
    row = st.container(horizontal=True, gap="small")
    for answer in item.answers:
        with row.container(border=True, gap=None, width=260):
            _answer(answer, labels)


def _standing(page: context.PageContext, item: review.ReviewItem, labels: LabelSet) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if item.label is not None:
            gold = plain(f"Gold label now: {labels.name(item.label)} ({item.source})")
            st.caption(gold, width="content")
        tweet_detail.link(page, item.external_id)


def _answer(answer: review.ReviewAnswer, labels: LabelSet) -> None:
    said = labels.name(answer.label) if answer.kind == "label" else answer.kind
    st.text(f"{answer.name or 'Somebody'}: {said}")
    if answer.suggested is not None:
        seen = "" if answer.shown else ", not shown"
        share = percent(answer.suggested_confidence)
        st.caption(plain(f"suggested {labels.name(answer.suggested)} {share}{seen}"))
    marks = ["flagged" if answer.flagged else "", "old page" if answer.conflict else ""]
    st.caption(plain(" · ".join([*filter(None, marks), moment(answer.answered_at)])))
    if answer.comment:
        st.text(answer.comment)


def _decide(page: context.PageContext, item: review.ReviewItem, labels: LabelSet) -> None:
    note = st.text_input(
        "Why (kept with the decision)",
        key=f"review_note_{item.tweet_id}",
        max_chars=review.MAX_NOTE,
        placeholder="The guideline that decided it",
    )
    row = st.container(horizontal=True, gap="small")
    for label in labels.active:
        if not row.button(f"Decide {plain(label.name)}", key=f"review_decide_{label.value}"):
            continue
        with writing(resources.engine()) as session:
            review.adjudicate(
                session.get_one(Project, page.project_id),
                item.tweet_id,
                label.value,
                session.get_one(Annotator, page.annotator_id),
                session=session,
                note=(note or "").strip(),
            )
        st.session_state[LAST] = (item.tweet_id, label.name, _who_said(page, item, labels))
        notice.leave(f"Decided: {label.name}.")
        st.rerun()


def _who_said(page: context.PageContext, item: review.ReviewItem, labels: LabelSet) -> str:
    """Return who said what of a tweet; for after the decision, when names are hidden no more."""
    with reading(resources.engine()) as session:
        said = review.answers_on(item.tweet_id, session=session)
    return ", ".join(
        f"{one.name}: {labels.name(one.label) if one.kind == 'label' else one.kind}" for one in said
    )


def _walk(place: int, count: int) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    if row.button("Back", disabled=place == 0, type="tertiary", icon=":material/arrow_back:"):
        st.session_state[PLACE] = place - 1
        st.rerun()
    row.text(f"{place + 1} of {count}", width="content")
    last = place >= count - 1
    if row.button("Later", disabled=last, type="tertiary", icon=":material/arrow_forward:"):
        st.session_state[PLACE] = place + 1
        st.rerun()


def _take_back(page: context.PageContext) -> None:
    last = st.session_state.get(LAST)
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    # There from the start, so that the first decision moves nothing.
    said = "No decision here yet" if last is None else f"Last decision: {last[1]} ({last[2]})"
    row.text(said, width="content")
    pressed = row.button(
        "Take it back", type="tertiary", icon=":material/undo:", disabled=last is None
    )
    if pressed and last is not None:
        with errors.shown():
            with writing(resources.engine()) as session:
                project = projects.get_project(page.project_name, session=session)
                reviewer = session.get_one(Annotator, page.annotator_id)
                review.withdraw(project, last[0], reviewer, session=session)
            del st.session_state[LAST]
            st.rerun()


main()
