"""The tweets that fit a search: a table to select from, acts on the selection, one in detail."""

import uuid
from collections.abc import Sequence

import pandas as pd
import streamlit as st
from sqlalchemy.orm import Session

from db import projects
from db.schema import Annotator, Project
from db.sessions import reading, writing
from labeling import answering, browsing, bulk, people
from labeling.asking import Answer
from labeling.errors import AnswerError
from labeling.filters import Filter
from labeling.pages.parts import (
    charts,
    context,
    errors,
    find,
    label_set,
    notice,
    resources,
    tables,
    tweet_detail,
)
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted
from labeling.tweet_rows import Row

PAGE_SIZE = 50
SHOWN = 13
ACTED = "find_acted"
ASKED = "find_asked"
NARROW = ("Gold", "Source", "Suggestion", "Split")


@st.fragment
def draw(page: context.PageContext) -> None:
    """Draw the search, what was found, and what can be done with the selection."""
    notice.show()
    labels = label_set.load(page.project_id)
    with errors.shown():
        wanted, sort = find.draw(labels)
        asked = (page.project_id, wanted, sort)
        _begin_anew(asked)
        found = _found(page, wanted, sort)
        left, right = st.columns([3, 1], gap="medium")
        with left:
            line = st.container(
                horizontal=True, vertical_alignment="center", gap="small", height=44, border=False
            )
            # Rows are selected by their place, so another list is another table: nothing stays
            # selected that the reader did not see when selecting.
            version = st.session_state.get(ACTED, 0)
            place = st.session_state.get("find_page", 1)
            chosen = _table(found, labels, key=f"find_{hash((asked, place, version))}")
            with line:
                _acts(page, found, chosen, labels)
        with right:
            if len(chosen) == 1:
                tweet_detail.draw(page, chosen[0].tweet_id, labels)
            else:
                _overview(page)


def _begin_anew(asked: tuple[int, Filter, str]) -> None:
    """Go to the first page where another project, search or order is looked at than before."""
    if st.session_state.get(ASKED, asked) != asked:
        st.session_state["find_page"] = 1
    st.session_state[ASKED] = asked


def _found(page: context.PageContext, wanted: Filter, sort: str) -> browsing.Page:
    place = st.session_state.get("find_page", 1) - 1
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        found = browsing.browse(
            project, wanted, session=session, sort=sort, page=place, page_size=PAGE_SIZE
        )
        if not found.rows and place:  # the search became narrower than the page that was open
            st.session_state["find_page"] = 1
            found = browsing.browse(project, wanted, session=session, sort=sort)
    return found


def _table(found: browsing.Page, labels: label_set.LabelSet, *, key: str) -> list[Row]:
    picked = st.dataframe(
        _rows(found.rows, labels),
        hide_index=True,
        height=tables.height(SHOWN, SHOWN),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
        placeholder="",
        column_config={
            "Tweet": st.column_config.TextColumn(width=370),
            "Sure": st.column_config.NumberColumn(format="%.1f %%", width=62),
            "Group": st.column_config.NumberColumn(format="localized", width=56),
            **{name: st.column_config.TextColumn(width=78) for name in NARROW},
        },
    )
    pages = max(1, -(-found.total // PAGE_SIZE))
    if pages > 1:
        st.pagination(pages, key="find_page")
    chosen = picked["selection"]["rows"]
    return [found.rows[place] for place in chosen if place < len(found.rows)]


def _rows(rows: Sequence[Row], labels: label_set.LabelSet) -> pd.DataFrame:
    columns = ["Tweet", "Gold", "Source", "Suggestion", "Sure", "Split", "Group", "Marks"]
    table = [
        [
            row.text,
            labels.name(row.label) if row.label is not None else "",
            row.source or "",
            labels.name(row.suggestion) if row.suggestion is not None else "",
            None if row.confidence is None else 100 * row.confidence,
            row.split,
            row.group_size,
            ", ".join(
                word for word, on in (("flagged", row.flagged), ("commented", row.commented)) if on
            ),
        ]
        for row in rows
    ]
    return pd.DataFrame(table, columns=columns)


def _acts(
    page: context.PageContext,
    found: browsing.Page,
    chosen: Sequence[Row],
    labels: label_set.LabelSet,
) -> None:
    if not chosen:
        some = "" if found.exact else "at least "
        verb = "fits" if found.total == 1 else "fit"
        st.text(f"{some}{counted(found.total, 'tweet')} {verb}. {found.message}")
        return
    allowed = page.may("answer" if len(chosen) == 1 else "bulk")
    st.text(f"{counted(len(chosen), 'tweet')}:", width="content")
    for label in labels.active:
        if st.button(plain(label.name), key=f"find_label_{label.value}", disabled=not allowed):
            _answer(page, chosen, "label", label.value, f"labelled {label.name}")
    for kind, word, done in (("skip", "Skip", "skipped"), ("flag", "Review", "sent to review")):
        if st.button(word, key=f"find_{kind}", disabled=not allowed, type="tertiary"):
            _answer(page, chosen, kind, None, done)
    if page.may("bulk"):
        _queue_for(page, chosen)
    if not allowed:
        st.caption("Acting on several tweets at once takes a reviewer.")


def _answer(
    page: context.PageContext, chosen: Sequence[Row], kind: str, label: str | None, done: str
) -> None:
    """Record one act on the chosen tweets; on several it is a reviewer's bulk act."""
    key = f"data-{uuid.uuid4().hex}"
    ids = [row.tweet_id for row in chosen]
    with writing(resources.engine()) as session:
        project = session.get_one(Project, page.project_id)
        person = session.get_one(Annotator, page.annotator_id)
        if len(ids) == 1:
            one = Answer(key=key, kind=kind, tweet_id=ids[0], label=label)
            result = answering.record([one], project, person, session=session)[0]
            count = int(result.state != "refused")
            problems: Sequence[str] = [] if count else [result.message]
        else:
            report = _many(project, ids, kind, label, person, key, session=session)
            count, problems = report.done, report.messages
    if problems:
        raise AnswerError(problems[0])
    _acted(f"{counted(count, 'tweet')} {done}.")


def _many(
    project: Project,
    ids: Sequence[int],
    kind: str,
    label: str | None,
    person: Annotator,
    key: str,
    *,
    session: Session,
) -> bulk.BulkReport:
    if kind == "label" and label is not None:
        return bulk.label_many(project, ids, label, person, session=session, key=key)
    act = bulk.skip_many if kind == "skip" else bulk.flag_many
    return act(project, ids, person, session=session, key=key)


def _queue_for(page: context.PageContext, chosen: Sequence[Row]) -> None:
    with reading(resources.engine()) as session:
        names = {one.name: one.id for one in people.list_people(session=session) if one.active}
    with st.popover("Queue for", type="tertiary"):
        for name, number in names.items():
            if st.button(plain(name), key=f"find_queue_{number}", width="stretch"):
                with writing(resources.engine()) as session:
                    report = bulk.queue_for(
                        session.get_one(Project, page.project_id),
                        [row.tweet_id for row in chosen],
                        session.get_one(Annotator, number),
                        session.get_one(Annotator, page.annotator_id),
                        session=session,
                    )
                left_out = f" {report.messages[0]}." if report.messages else ""
                _acted(f"{counted(report.done, 'tweet')} queued for {name}.{left_out}")


def _acted(message: str) -> None:
    notice.leave(message)
    st.session_state[ACTED] = st.session_state.get(ACTED, 0) + 1
    st.rerun()


def _overview(page: context.PageContext) -> None:
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        bins = browsing.confidence_histogram(project, session=session)
    if sum(one.count for one in bins):
        st.caption("How sure the current model is")
        edges = [bins[0].low, *(one.high for one in bins)]
        st.altair_chart(
            charts.histogram(edges, [one.count for one in bins]),
            alt="Tweets by confidence of the suggestion",
        )
