"""Two questions to the project's labels, each answered by a job and kept until asked again."""

from typing import Any

import pandas as pd
import streamlit as st

from db import jobs as stored_jobs
from db.sessions import reading
from labeling import work
from labeling.pages.parts import charts, errors, jobs, resources
from labeling.pages.parts.context import PageContext
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import KINDS, counted, moment, percent, score


def draw(page: PageContext) -> None:
    """Draw both questions."""
    left, right = st.columns(2, gap="large")
    with left:
        _leakage(page)
    with right:
        _curve(page)


def _leakage(page: PageContext) -> None:
    st.subheader("How much would a random split flatter?")
    st.caption(
        "Trains the probe on splits that keep copies of a tweet together and on random ones. "
        "The project's own splits stay as they are."
    )
    _asking(page, "leakage", "Compare the splits", {})
    found = _answer(page.project_id, "leakage")
    if found is None:
        return
    grouped, random = found["grouped"], found["random"]
    st.text(leakage_sentence(found))
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Split": words,
                    "Macro-F1 on test": score(part["mean"]),
                    "Over seeds": f"{min(part['macro_f1']):.3f} to {max(part['macro_f1']):.3f}",
                    "Test tweets with a copy in training": percent(part["seen"]),
                }
                for words, part in (("by duplicate group", grouped), ("at random", random))
            ]
        ),
        hide_index=True,
    )
    st.caption(
        f"Probe, mean of {counted(len(grouped['macro_f1']), 'seed')}, on "
        f"{counted(found['n'], 'gold label')}; {moment(found['finished_at'])}."
    )


def leakage_sentence(found: dict[str, Any]) -> str:
    """Say in one sentence what a random split would do to the score."""
    points = 100 * found["flattery"]
    if points < 0.5:
        return "A random split would hardly flatter here."
    return (
        f"A random split would show {points:.1f} points of macro-F1 more than the same "
        "classifier reaches on tweets that it has not seen."
    )


def _curve(page: PageContext) -> None:
    st.subheader("What would 500 more labels bring?")
    st.caption("Trains on growing shares of the labels, judged on the validation split.")
    kind = st.segmented_control(
        "Kind",
        ["probe", "fine_tuned"],
        default="probe",
        required=True,
        key="curve_kind",
        format_func=lambda name: KINDS[name],
        label_visibility="collapsed",
    )
    if kind == "fine_tuned":
        st.caption(
            "Ten trainings one after the other, together some six times as long as one on all "
            "labels; other trainings wait meanwhile."
        )
    _asking(page, "curve", "Measure the curve", {"kind": kind})
    found = _answer(page.project_id, "curve")
    if found is None:
        return
    st.text(curve_sentence(found))
    st.altair_chart(
        charts.learning_curve(found["points"], found["fitted"]),
        alt="Macro-F1 on validation against the number of labels",
    )
    st.caption(
        plain(
            f"{KINDS[found.get('kind', 'probe')].capitalize()}; points: mean of "
            f"{counted(len(found['seeds']), 'seed')}, bars from the lowest to the highest; line: "
            f"the fitted power law, with its 95% band over seeds; {moment(found['finished_at'])}."
        )
    )


def curve_sentence(found: dict[str, Any]) -> str:
    """Say in one sentence what more labels would likely bring."""
    gain = found["gain"]
    if gain is None:
        return "Too few points to say what more labels would bring; label more tweets first."
    return (
        f"{found['more']:,} more labels would likely add {gain['value']:+.3f} macro-F1 "
        f"({gain['low']:+.3f} to {gain['high']:+.3f})."
    )


def _asking(page: PageContext, kind: str, words: str, params: dict[str, Any]) -> None:
    """Draw the button that starts a study, or the study that is under way or went wrong."""
    job = jobs.newest(page.project_id, kind)
    if job is not None and (job.open or job.state in {"failed", "interrupted"}):
        jobs.watch(job.id)
        if job.open:
            return
    if st.button(
        plain(words),
        key=f"study_{kind}",
        icon=":material/play_arrow:",
        disabled=not page.may("train"),
    ):
        with errors.shown():
            page.require("train")
            work.submit_study(
                resources.engine(),
                resources.settings(),
                page.project_id,
                kind,
                params,
                annotator_id=page.annotator_id,
            )
            st.rerun()


def _answer(project_id: int, kind: str) -> dict[str, Any] | None:
    """Return the newest finished study of a kind, with when it ended; None before the first."""
    with reading(resources.engine()) as session:
        for job in stored_jobs.recent_jobs(project_id, session=session, kind=kind):
            if job.state == "succeeded" and job.result:
                return {**job.result, "finished_at": job.finished_at}
    return None
