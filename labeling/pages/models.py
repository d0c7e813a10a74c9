"""Models: which one is in use, is the candidate better, what would break."""

from collections.abc import Sequence

import streamlit as st

from db import projects
from db.sessions import reading
from labeling import models
from labeling.pages.parts import (
    charts,
    context,
    jobs,
    label_set,
    mistakes,
    notice,
    resources,
    studies,
    tables,
    versions,
)
from labeling.pages.parts.wording import KINDS, counted, moment
from trainer.metrics import Metrics

STUDIES = "Studies"
VIEWS = ["Scores", mistakes.ERRORS, STUDIES]


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Models")
    notice.show()
    labels = label_set.load(page.project_id)
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        known = models.list_versions(project, session=session)
    working = jobs.model_work(page.project_id, failures=True)
    if not known and working:
        return
    if not known:
        st.info(
            "No model version yet. The first one is made as soon as tweets are brought in.",
            icon=":material/model_training:",
        )
        st.page_link("labeling/pages/data.py", label="Bring in tweets", icon=":material/upload:")
        return
    current = versions.in_use(known)
    st.text(_sentence(known, current))
    st.dataframe(
        versions.table(known),
        height=tables.height(len(known), 6),
        hide_index=True,
        column_config=tables.columns(
            numbers=["Validation labels", "Test labels"], moments=["Made"]
        ),
    )
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key=mistakes.VIEW,
        bind="query-params",
        label_visibility="collapsed",
    )
    if view == STUDIES:
        studies.draw(page)
    else:
        _detail(page, known, current, labels, view=view)


def _sentence(known: Sequence[models.VersionRow], current: models.VersionRow | None) -> str:
    candidates = sum(row.state == "candidate" for row in known)
    waiting = f"; {counted(candidates, 'candidate')} waiting for a decision" if candidates else ""
    if current is None:
        return f"No version is in use{waiting}."
    kind = KINDS.get(current.kind, current.kind)
    guess = " It guesses from the labels' descriptions." if current.kind == "zero_shot" else ""
    since = moment(current.promoted_at)
    return f"Version {current.number} ({kind}) is in use since {since}{waiting}.{guess}"


def _detail(
    page: context.PageContext,
    known: Sequence[models.VersionRow],
    current: models.VersionRow | None,
    labels: label_set.LabelSet,
    *,
    view: str,
) -> None:
    numbers = [row.number for row in known]
    first = current.number if view == mistakes.ERRORS and current else versions.to_open(known)
    kinds = {row.number: KINDS.get(row.kind, row.kind) for row in known}
    row = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    chosen = row.selectbox(
        "Version",
        numbers,
        numbers.index(first),
        key=f"models_version_{view.lower()}",
        # Not its state: a select box keeps showing what was chosen as it read at that time.
        format_func=lambda number: f"Version {number}, {kinds[number]}",
        width=220,
    )
    version = known[numbers.index(chosen)]
    splits = [name for name in ("test", "validation") if version.metrics.get(name)]
    if not splits:
        st.info(
            "This version has no score: neither validation nor test held a labelled tweet.",
            icon=":material/info:",
        )
        versions.decision(page, version, current, labels)
        return
    split = row.segmented_control(
        "Split",
        splits,
        default=splits[0],
        required=True,
        key=f"models_split_{view.lower()}_{chosen}",
        help="Validation chose the epoch and the temperature; test only reports.",
    )
    if view == mistakes.ERRORS:
        mistakes.draw(page, version, split, labels)
        return
    versions.numbers(version, current, split)
    versions.decision(page, version, current, labels)
    _charts(Metrics.from_json(version.metrics[split]), labels)
    versions.comparison(page, version, labels, known)


def _charts(metrics: Metrics, labels: label_set.LabelSet) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Confusion")
        st.caption("Rows are gold labels; each cell holds its count and its share of the row.")
        st.altair_chart(charts.confusion(metrics, labels), alt="Confusion matrix")
    with right:
        st.subheader("Per label")
        st.altair_chart(charts.label_scores(metrics, labels), alt="Recall per label")
        st.subheader("Reliability")
        st.caption(
            f"Expected calibration error {metrics.ece:.3f}. On the dashed line, "
            "of tweets with confidence 0.8 four in five are right."
        )
        st.altair_chart(charts.reliability(metrics), alt="Accuracy against confidence")
    st.dataframe(
        versions.label_table(metrics, labels),
        hide_index=True,
        height=tables.height(len(metrics.labels)),
        column_config=tables.columns(numbers=["Gold labels"]),
    )


main()
