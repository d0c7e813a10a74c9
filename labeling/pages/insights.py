"""Insights: can we trust the people, the suggestions and the numbers."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from db.schema import Annotator, Project
from db.sessions import reading
from db.training_data import last_event_id
from labeling import insights, status, suggestion_effect, timeline
from labeling.pages.parts import charts, context, figures, label_set, resources, tables
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.wording import agreed, counted, percent

PARTS = ["People", "Suggestions", "Corpus"]


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Insights")
    labels = label_set.load(page.project_id)
    part = st.segmented_control(
        "Part",
        PARTS,
        default=PARTS[0],
        required=True,
        key="insights_part",
        bind="query-params",
        label_visibility="collapsed",
    )
    if part != "Corpus" and not page.may("see_people"):
        st.info("Figures of people are for reviewers and admins.", icon=":material/lock:")
        return
    draw = {"People": _people, "Suggestions": _suggestions, "Corpus": _corpus}
    draw[part](page, labels)


@st.cache_data(max_entries=16, show_spinner="Computing agreement")
def _agreement(
    database: str, project_id: int, viewer_id: int, newest_event: int
) -> insights.TeamAgreement:
    """Compute agreement once per state of the answers: `newest_event` names that state."""
    with reading(resources.engine()) as session:
        return insights.team_agreement(
            session.get_one(Project, project_id),
            session.get_one(Annotator, viewer_id),
            session=session,
        )


def _people(page: context.PageContext, labels: LabelSet) -> None:
    with reading(resources.engine()) as session:
        rows = insights.people_table(
            session.get_one(Project, page.project_id),
            session.get_one(Annotator, page.annotator_id),
            session=session,
        )
        newest = last_event_id(page.project_id, session=session)
    if not rows:
        st.info("Nobody has answered yet.", icon=":material/group:")
        return
    url = resources.settings().database_url
    team = _agreement(url, page.project_id, page.annotator_id, newest)
    st.text(
        f"{counted(len(rows), 'person', 'people')} gave "
        f"{counted(sum(row.answers for row in rows), 'answer')}; "
        f"{counted(team.alpha.items, 'tweet')} "
        f"{agreed(team.alpha.items, 'has', 'have')} answers of several."
    )
    table = figures.people(rows)
    figures.shown(table, "people", tables.columns(numbers=["Answers", "Skips"], moments=["Last"]))
    if not team.alpha.items:
        st.caption("Agreement needs tweets that several people answered: Settings, Defaults.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Agreement of all")
        figures.shown(figures.agreement(team, labels), "agreement")
    with right:
        st.subheader("Cohen's kappa per pair")
        figures.shown(figures.pairs(team), "pairs")
    st.caption(
        "1 is perfect, 0 is chance. With one dominant label kappa and alpha look too low; "
        "Gwet's AC1 does not. Intervals are 95% bootstrap intervals over tweets."
    )


def _suggestions(page: context.PageContext, labels: LabelSet) -> None:
    with reading(resources.engine()) as session:
        effect = suggestion_effect.suggestion_effect(
            session.get_one(Project, page.project_id),
            session.get_one(Annotator, page.annotator_id),
            session=session,
        )
    st.text(effect.sentence)
    figures.shown(figures.arms(effect, labels), "suggestions")
    st.caption(
        "A coin hides the suggestion of some training tweets, so the two columns differ by "
        "nothing else. Validation and test tweets, always blind, are left out."
    )


def _corpus(page: context.PageContext, labels: LabelSet) -> None:
    with reading(resources.engine()) as session:
        project = session.get_one(Project, page.project_id)
        progress = timeline.progress(project, session=session)
        days = timeline.days(project, session=session)
        labour = status.status(project, session=session).labour
    share = progress.done / progress.groups if progress.groups else 0.0
    left = (
        f"; at {progress.answers_a_day:,.0f} answers a working day, "
        f"{counted(max(1, round(progress.days_left)), 'day')} left"
        if progress.answers_a_day and progress.days_left
        else ""
    )
    st.text(
        f"{progress.done:,} of {counted(progress.groups, 'duplicate group')} "
        f"{agreed(progress.done, 'has', 'have')} a gold label "
        f"({percent(share)}){left}."
    )
    if labour.per_answer is not None:
        st.text(
            f"{counted(labour.tweets, 'tweet')} labelled by {counted(labour.answers, 'answer')}: "
            f"{labour.per_answer:.2f} tweets a key press, by way of duplicate groups."
        )
    st.progress(share)
    first, second = st.columns([2, 3], gap="large")
    with first:
        st.subheader("Gold labels")
        st.altair_chart(charts.shares(labels, progress.gold_by_label), alt="Gold labels")
        figures.shown(figures.gold(progress.gold_by_label, labels), "gold labels")
    with second:
        st.subheader("Answers a day")
        if not days:
            st.caption("No answers yet.")
            return
        flat = [
            {"day": day.day, "label": label, "answers": count}
            for day in days
            for label, count in day.labels.items()
        ]
        st.altair_chart(charts.over_time(flat, labels), alt="Answers a day by label")
    table, counts = _days_table(days, labels)
    figures.shown(table, "days", tables.columns(numbers=counts))


def _days_table(
    days: Sequence[timeline.Day], labels: LabelSet
) -> tuple[pd.DataFrame, Sequence[str]]:
    """Return a row per day, the newest first, and the columns that hold counts.

    A label may be named as a column that is there: people name them.
    """
    given = {value for day in days for value in day.labels}
    known = [label.value for label in labels.labels]
    taken = ["Day", "Answers", "Suggestions accepted"]
    titles = {}
    for value in [*(one for one in known if one in given), *sorted(given.difference(known))]:
        title = labels.name(value)
        while title in taken:
            title = f"{title} (label)"
        titles[value] = title
        taken.append(title)
    rows = [
        {
            "Day": day.day,
            "Answers": sum(day.labels.values()),
            **{title: day.labels.get(value, 0) for value, title in titles.items()},
            "Suggestions accepted": figures.share(day.accepted),
        }
        for day in reversed(days)
    ]
    return pd.DataFrame(rows), ["Answers", *titles.values()]


main()
