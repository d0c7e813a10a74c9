"""Review: who disagrees about what; decide."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from db import projects
from db.schema import Annotator, Project
from db.sessions import reading, writing
from labeling import review
from labeling.errors import AnswerError
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
PLACE, LAST, DRAFTS = "review_place", "review_last", "review_drafts"
PROBLEM = "review_problem"
# What somebody said who gave no label.
UNLABELLED = {"skip": "skipped", "none": "no answer"}


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
    errors.show_kept(PROBLEM)
    with errors.shown():
        _queue(page, labels, reasons, hidden, guidelines, waiting=any(counts.values()))


def _sentence(counts: dict[str, int]) -> str:
    waiting = [f"{WORDS[reason]} ({number:,})" for reason, number in counts.items() if number]
    return f"Waiting for a decision: {', '.join(waiting)}." if waiting else "Nothing to decide."


def _queue(
    page: context.PageContext,
    labels: LabelSet,
    reasons: list[str],
    hidden: bool,
    guidelines: str,
    *,
    waiting: bool,
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
        _empty(waiting)
        return
    place = _place([item.tweet_id for item in items])
    left, right = st.columns([3, 2], gap="large")
    with left:
        _item(items[place], labels)
        _standing(page, items[place], labels)
        _decide(page, items[place], labels)
        _walk(place, items)
    with right:
        st.subheader("Guidelines")
        with st.container(border=True):
            st.markdown(guidelines or "No guidelines yet.")
            example_list.draw(page)


def _empty(waiting: bool) -> None:
    if waiting:
        st.info("Nothing waits for the chosen reasons.", icon=":material/filter_alt:")
        return
    st.info(
        "The queue is empty. Disagreements, flags and answers against a sure model "
        "come here by themselves.",
        icon=":material/done_all:",
    )


def _place(tweet_ids: list[int]) -> int:
    """Return where the tweet stands that was on screen; where it is gone, what came after it.

    Others decide meanwhile, so a mere number would show another tweet than before.
    """
    tweet_id, place = st.session_state.get(PLACE, (0, 0))
    place = tweet_ids.index(tweet_id) if tweet_id in tweet_ids else min(place, len(tweet_ids) - 1)
    st.session_state[PLACE] = (tweet_ids[place], place)
    return place


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
    st.text(f"{answer.name or 'Somebody'}: {_said(answer, labels)}")
    if answer.suggested is not None:
        seen = "" if answer.shown else ", not shown"
        share = percent(answer.suggested_confidence)
        st.caption(plain(f"suggested {labels.name(answer.suggested)} {share}{seen}"))
    marks = ["flagged" if answer.flagged else "", "old page" if answer.conflict else ""]
    st.caption(plain(" · ".join([*filter(None, marks), moment(answer.answered_at)])))
    if answer.comment:
        st.text(answer.comment)


def _said(answer: review.ReviewAnswer, labels: LabelSet) -> str:
    return UNLABELLED.get(answer.kind) or labels.name(answer.label)


def _decide(page: context.PageContext, item: review.ReviewItem, labels: LabelSet) -> None:
    key = _note_key(item.tweet_id)
    if key not in st.session_state:
        st.session_state[key] = _drafts(page).get(item.tweet_id, "")
    st.text_input(
        "Why (kept with the decision)",
        key=key,
        max_chars=review.MAX_NOTE,
        placeholder="The guideline that decided it",
        on_change=_keep_draft,
        args=(page, item.tweet_id),
    )
    row = st.container(horizontal=True, gap="small")
    for label in labels.active:
        # The tweet is part of the button: pressed on a page that is out of date, it decides the
        # tweet that was on it, or says why not.
        row.button(
            f"Decide {plain(label.name)}",
            key=f"review_decide_{item.tweet_id}_{label.value}",
            on_click=_adjudicate,
            args=(page, item.tweet_id, label.value, labels),
        )


def _adjudicate(page: context.PageContext, tweet_id: int, label: str, labels: LabelSet) -> None:
    _keep_draft(page, tweet_id)
    note = _drafts(page).get(tweet_id, "").strip()
    with errors.kept(PROBLEM):
        try:
            with writing(resources.engine()) as session:
                review.adjudicate(
                    session.get_one(Project, page.project_id),
                    tweet_id,
                    label,
                    session.get_one(Annotator, context.acting()),
                    session=session,
                    note=note,
                )
        except AnswerError as error:
            kept = f" Why you wanted that: {note}" if note else ""
            raise AnswerError(f"{error}. Your decision was not taken.{kept}") from error
        _drafts(page).pop(tweet_id, None)
        name = labels.name(label)
        st.session_state[LAST] = (tweet_id, name, _who_said(tweet_id, labels))
        notice.leave(f"Decided: {name}.")


def _note_key(tweet_id: int) -> str:
    return f"review_note_{tweet_id}"


def _drafts(page: context.PageContext) -> dict[int, str]:
    """Return what this person has written and not yet decided, by tweet.

    A text field that is not on screen loses its text; this does not.
    """
    of_all: dict[int, dict[int, str]] = st.session_state.setdefault(DRAFTS, {})
    return of_all.setdefault(page.annotator_id, {})


def _keep_draft(page: context.PageContext, tweet_id: int) -> None:
    written = st.session_state.get(_note_key(tweet_id))
    if written is not None:
        _drafts(page)[tweet_id] = written


def _who_said(tweet_id: int, labels: LabelSet) -> str:
    """Return who said what of a tweet; for after the decision, when names are hidden no more."""
    with reading(resources.engine()) as session:
        said = review.answers_on(tweet_id, session=session)
    return ", ".join(f"{one.name}: {_said(one, labels)}" for one in said)


def _walk(place: int, items: list[review.ReviewItem]) -> None:
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    _step(row, "Back", ":material/arrow_back:", place - 1, items)
    row.text(f"{place + 1} of {len(items)}", width="content")
    _step(row, "Later", ":material/arrow_forward:", place + 1, items)


def _step(
    row: DeltaGenerator, word: str, icon: str, to: int, items: list[review.ReviewItem]
) -> None:
    """Draw a button that leads to the tweet which stood there when the page was drawn."""
    there = 0 <= to < len(items)
    row.button(
        plain(word),
        disabled=not there,
        type="tertiary",
        icon=icon,
        on_click=_go,
        args=(items[to].tweet_id if there else 0, to),
    )


def _go(tweet_id: int, place: int) -> None:
    st.session_state[PLACE] = (tweet_id, place)
    st.session_state.pop(PROBLEM, None)


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
                note = review.withdraw(project, last[0], reviewer, session=session)
            # As it was before the decision: the tweet, and why.
            st.session_state[_note_key(last[0])] = _drafts(page)[last[0]] = note
            _go(last[0], st.session_state.get(PLACE, (0, 0))[1])
            del st.session_state[LAST]
            st.rerun()


main()
