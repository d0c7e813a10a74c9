"""Train: is it worth it now, is it running, is it getting better."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from db import projects
from db.project_settings import SPLITS
from db.sessions import reading
from labeling import models, training
from labeling.pages.parts import (
    charts,
    context,
    errors,
    jobs,
    label_set,
    notice,
    resources,
    train_form,
    versions,
)
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import agreed, counted, duration
from trainer.advice import advise
from trainer.config import TrainConfig


def main() -> None:
    """Draw the page."""
    page = context.current()
    st.title("Train")
    notice.show()
    labels = label_set.load(page.project_id)
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        overview = training.overview(project, session=session)
        base_model = projects.settings_of(project).base_model
        known = models.list_versions(project, session=session)
    job = jobs.newest(page.project_id, "train")
    if job is not None and jobs.follow_up(job, page.project_id):
        job = jobs.newest(page.project_id, "train")
    if job is not None and job.open:
        st.text("A training is running. Closing this page changes nothing.")
        _running(page, job.id)
        return
    asked = jobs.newest_asked(page.project_id, "train")
    _start(page, overview, base_model, _begin(page.project_id, asked))
    st.subheader("What will be trained on")
    if any(sum(of_split.values()) for of_split in overview.counts.values()):
        for column, split in zip(st.columns(3), SPLITS, strict=True):
            of_split = overview.counts.get(split, {})
            column.caption(f"{split}: {counted(sum(of_split.values()), 'gold label')}")
            column.altair_chart(charts.shares(labels, of_split), alt=f"Labels in {split}")
        st.caption("Gold labels of people or imported ones, never predictions.")
        if overview.unresolved:
            said = (
                f"{counted(overview.unresolved, 'training tweet')} beside these "
                f"{agreed(overview.unresolved, 'has', 'have')} answers and "
                "no gold label yet. Labels used, under All settings, can count them: the label "
                "with most answers, on a tie the newest of a reviewer or admin, else left out."
            )
            st.caption(plain(said))
    else:
        st.info("No tweet has a gold label yet.", icon=":material/label:")
    if job is not None:
        shown = asked or job
        _last(page, shown, known, labels)
        _since(shown, job)


def sentence(overview: training.TrainingOverview, config: TrainConfig) -> str:
    """Say in one sentence whether a training is worth it now and how long it takes."""
    new = counted(overview.new_answers, "new answer") if overview.new_answers else "No new answers"
    if overview.since_version is None:
        start = f"{new}, and no version yet"
    else:
        start = f"{new} since version {overview.since_version}"
    seconds = overview.seconds_estimate(config)
    if seconds is None:
        return f"{start}."
    return f"{start}; training takes {duration(seconds)}."


def _begin(project_id: int, asked: jobs.JobView | None) -> dict[str, Any]:
    """Return what the settings hold at first: what this session last started a training with.

    Without that, what the newest training that a person asked for had, if it did not succeed: who
    comes back to it changes a setting.
    """
    found = train_form.kept(project_id)
    if found or asked is None or asked.state == "succeeded":
        return found
    return train_form.fields_of(asked.params.get("config", {}))


def _start(
    page: context.PageContext,
    overview: training.TrainingOverview,
    base_model: str,
    begin: Mapping[str, Any],
) -> None:
    first_line = st.empty()
    for problem in overview.problems:
        st.warning(plain(problem), icon=":material/info:")
    with errors.shown():
        advice = advise(overview.counts.get("train", {}))
        recommended = advice.kind if advice else "fine_tuned"
        config = train_form.draw(base_model, recommended, begin)
        first_line.text(sentence(overview, config))
        if advice is not None:
            st.caption(plain(advice.sentence))
        if st.button(
            "Start training",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(overview.problems) or not page.may("train"),
        ):
            page.require("train")
            training.start_run(
                resources.engine(),
                resources.settings(),
                page.project_id,
                config,
                requested_by=page.annotator_id,
            )
            train_form.keep(page.project_id, base_model, recommended)
            st.rerun()


@st.fragment(run_every=2.0)
def _running(page: context.PageContext, job_id: int) -> None:
    with errors.shown():
        job = jobs.refreshed(job_id)
        if not job.open:
            st.rerun()
        jobs.progress(job)
        jobs.cancel_button(job)
        _curves(page, job_id, live=True)


def _curves(page: context.PageContext, job_id: int, *, live: bool) -> None:
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        run = training.run_of(job_id, session=session)
        current = projects.current_model(project, session=session)
        level = (current.metrics.get("validation") or {}).get("macro_f1") if current else None
        number = current.number if current else None
        curves = training.curves(run.id, session=session) if run is not None else None
        fine = run is not None and run.kind == "fine_tuned"
        planned = float(run.config.get("epochs", 1)) if run is not None and fine else 0.0
    if curves is None or not (curves.steps or curves.epochs):
        if live:
            st.caption("The curves begin with the first steps.")
        return
    seen = [point["epoch"] for point in curves.steps] + [row["epoch"] for row in curves.epochs]
    total = max([planned, *seen])
    left, right = st.columns(2, gap="medium")
    left.altair_chart(
        charts.losses(curves.steps, curves.epochs, total=total), alt="Loss over epochs"
    )
    right.altair_chart(
        charts.macro_f1(curves.epochs, level, number, total=total),
        alt="Macro-F1 on validation over epochs",
    )


def _last(
    page: context.PageContext,
    job: jobs.JobView,
    known: Sequence[models.VersionRow],
    labels: label_set.LabelSet,
) -> None:
    st.subheader("Last training")
    jobs.ended(job)
    made = next((row for row in known if row.number == job.result.get("version")), None)
    if made is not None:
        versions.verdict(page, made, known, labels)
    _curves(page, job.id, live=False)


def _since(shown: jobs.JobView, newest: jobs.JobView) -> None:
    """Say what the app trained by itself after the training that is shown."""
    if newest.id == shown.id:
        return
    jobs.ended(newest)
    if "version" in newest.result:
        number = newest.result["version"]
        said = f"After it the app trained version {number} by itself; Models lists them all."
        st.caption(plain(said))


main()
