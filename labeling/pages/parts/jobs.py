"""A job on screen: how far it is, how long it will take, cancel, resume.

Everything is read from the store, so a closed browser changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import streamlit as st
from sqlalchemy.orm import Session

from db import jobs
from db.schema import Job
from db.sessions import reading
from labeling import permissions, prelabel, work
from labeling.pages.parts import context, errors, resources, session_keys
from labeling.pages.parts.plain import plain
from labeling.pages.parts.wording import counted, duration
from trainer import job as trainer_job

TITLES = {
    "import": "Bringing in",
    "prelabel": "Pre-labelling",
    "train": "Training",
    "export": "Exporting",
    "leakage": "Comparing the splits",
    "curve": "Measuring the learning curve",
}
UNITS = {
    "prelabel": "tweet",
    "train": "step",
    "export": "row",
    "leakage": "step",
    "curve": "step",
}


@dataclass(frozen=True)
class JobView:
    """What a page needs of a job, detached from its session."""

    id: int
    kind: str
    state: str
    params: dict[str, Any]
    result: dict[str, Any]
    done: int
    total: int
    message: str
    eta_seconds: float | None
    error: str | None
    cancel_requested: bool
    stalled: bool
    finished_at: datetime | None

    @property
    def open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in {"queued", "running"}


def view(job: Job, *, session: Session) -> JobView:
    """Return the page's view of a stored job."""
    return JobView(
        id=job.id,
        kind=job.kind,
        state=job.state,
        params=dict(job.params),
        result=dict(job.result or {}),
        done=job.done,
        total=job.total,
        message=job.message,
        eta_seconds=job.eta_seconds,
        error=job.error,
        cancel_requested=job.cancel_requested,
        stalled=job.state == "queued"
        or (job.state == "running" and jobs.lease_ran_out(job, session=session)),
        finished_at=job.finished_at,
    )


def load(job_id: int) -> JobView:
    """Return a job by its number. Raises NotFoundError."""
    with reading(resources.engine()) as session:
        return view(jobs.get_job(job_id, session=session), session=session)


def newest(project_id: int, kind: str) -> JobView | None:
    """Return the project's open job of a kind, else its newest one, else None."""
    with reading(resources.engine()) as session:
        found = jobs.open_job(project_id, kind, session=session)
        if found is None:
            recent = jobs.recent_jobs(project_id, session=session, kind=kind, limit=1)
            found = recent[0] if recent else None
        return None if found is None else view(found, session=session)


def newest_asked(project_id: int, kind: str) -> JobView | None:
    """Return the newest job of a kind that a person asked for, else None."""
    with reading(resources.engine()) as session:
        found = jobs.newest_asked(project_id, kind, session=session)
        return None if found is None else view(found, session=session)


def watch(job_id: int) -> JobView:
    """Draw a job: live while it is open, else how it ended unless it succeeded."""
    job = load(job_id)
    if job.open:
        _live(job_id)
    else:
        ended(job)
    return job


def model_work(project_id: int, *, failures: bool) -> bool:
    """Draw what a model is doing for the project just now; return whether anything is drawn.

    The newest training or pre-labelling, live while it is open; with `failures`, also why it
    ended if that was not what somebody wanted.
    """
    known = _model_jobs(project_id)
    if known and follow_up(known[-1], project_id):
        known = _model_jobs(project_id)
    if not known or not (
        known[-1].open or (failures and known[-1].state in {"failed", "interrupted"})
    ):
        return False
    with errors.shown():
        watch(known[-1].id)
    return True


def _model_jobs(project_id: int) -> list[JobView]:
    """Return the newest training and pre-labelling; an open one last, else the newer one."""
    found = [newest(project_id, kind) for kind in ("train", "prelabel")]
    return sorted((job for job in found if job is not None), key=lambda job: (job.open, job.id))


def follow_up(job: JobView, project_id: int) -> bool:
    """Start what became due while a job of a model ran, and tell whether that is anything.

    Looked at once for each job and session: what was labelled meanwhile may be enough for the
    first probe, and nobody may answer any more.
    """
    if job.state != "succeeded" or st.session_state.get(session_keys.FOLLOWED_UP) == job.id:
        return False
    st.session_state[session_keys.FOLLOWED_UP] = job.id
    started = None
    with errors.shown():
        started = prelabel.keep_up(resources.engine(), resources.settings(), project_id)
    return started is not None


def refreshed(job_id: int) -> JobView:
    """Return a job anew; one that waits or was lost is started or marked interrupted first."""
    job = load(job_id)
    if job.stalled:
        trainer_job.start_due(resources.engine(), resources.settings())
        job = load(job_id)
    return job


@st.fragment(run_every=1.0)
def _live(job_id: int) -> None:
    with errors.shown():
        job = refreshed(job_id)
        if not job.open:
            st.rerun()
        progress(job)
        cancel_button(job)


def progress(job: JobView) -> None:
    """Draw the bar of an open job with its count and the time left."""
    message = job.message or job.state
    bare = message in {"waiting", "starting", "cancelling"}
    title = TITLES.get(job.kind, job.kind)
    parts = [f"{title}: {message}" if bare else message[:1].upper() + message[1:]]
    if job.total and job.kind in UNITS and not any(sign.isdigit() for sign in message):
        parts.append(f"{job.done:,} of {counted(job.total, UNITS[job.kind])}")
    if job.eta_seconds is not None and not job.cancel_requested:
        parts.append(f"{duration(job.eta_seconds)} left")
    share = min(1.0, job.done / job.total) if job.total else 0.0
    st.progress(share, text=plain(" · ".join(parts)))


def cancel_button(job: JobView) -> None:
    """Draw the button that cancels an open job, and why it could not."""
    allowed = _may_act(job)
    st.button(
        "Cancelling" if job.cancel_requested else "Cancel",
        key=f"job_cancel_{job.id}",
        disabled=job.cancel_requested or not allowed,
        help=None if allowed else f"Cancelling takes {_whom(job)}.",
        icon=":material/close:",
        on_click=_cancel,
        args=(job.id,),
    )
    errors.show_kept(_problem(job.id))


def _may_act(job: JobView) -> bool:
    """Tell whether who is here may cancel a job and go on with it: who might have started it."""
    with reading(resources.engine()) as session:
        person = context.signed_in(session)
        return person is not None and permissions.may(person.role, work.ACTION[job.kind])


def _whom(job: JobView) -> str:
    role = permissions.ACTIONS[work.ACTION[job.kind]]
    return f"{'an' if role.startswith('a') else 'a'} {role}"


def _problem(job_id: int) -> str:
    return f"job_problem_{job_id}"


def _cancel(job_id: int) -> None:
    with errors.kept(_problem(job_id)):
        work.cancel(job_id, engine=resources.engine(), annotator_id=context.acting())


def ended(job: JobView) -> None:
    """Draw how a job ended, with a way to go on; nothing for one that succeeded."""
    title = TITLES.get(job.kind, job.kind)
    if job.state == "failed":
        errors.show(f"{title} failed: {job.error or 'no reason was left'}")
    elif job.state == "interrupted":
        st.warning(
            f"{title} was interrupted: its process stopped. Nothing that was saved is lost.",
            icon=":material/pause_circle:",
        )
    elif job.state == "cancelled":
        kept = " What it had learned best is a candidate on Models." if _kept(job) else ""
        st.info(plain(f"{title} was cancelled.{kept}"), icon=":material/cancel:")
    if job.state not in {"failed", "interrupted", "cancelled"} or _kept(job):
        return
    allowed = _may_act(job)
    if st.button(
        "Try again" if job.state == "failed" else "Resume",
        key=f"job_resume_{job.id}",
        icon=":material/play_arrow:",
        disabled=not allowed,
        help=None if allowed else f"Going on takes {_whom(job)}.",
    ):
        with errors.shown():
            resume(job.id)
            st.rerun()


def _kept(job: JobView) -> bool:
    """Tell whether a cancelled job ended with something to keep: that one does not go on."""
    return job.kind == "train" and job.state == "cancelled" and bool(job.result)


def resume(job_id: int) -> None:
    """Put an ended job back in the queue and start it; it goes on where it was."""
    work.resume(
        job_id,
        engine=resources.engine(),
        settings=resources.settings(),
        annotator_id=context.acting(),
    )
