"""A job's life: queued, reserved, adopted, ended, lost, resumed."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from db import jobs
from db.errors import ConflictError
from db.schema import Job, Project
from db.sessions import reading, writing
from db.types import now


def add(engine: Engine, project_id: int, kind: str = "train") -> int:
    with writing(engine) as session:
        return jobs.enqueue(project_id, kind, {}, session=session).id


def reserve(engine: Engine) -> int | None:
    with writing(engine) as session:
        job = jobs.reserve_next(session=session)
        return None if job is None else job.id


def state(engine: Engine, job_id: int) -> str:
    with reading(engine) as session:
        return jobs.get_job(job_id, session=session).state


def test_jobs_run_in_order_and_heavy_ones_one_at_a_time(engine: Engine, project_id: int) -> None:
    first, second = add(engine, project_id), add(engine, project_id, "prelabel")
    light = add(engine, project_id, "export")
    assert reserve(engine) == first
    assert reserve(engine) == light, "a light job need not wait for a heavy one"
    assert reserve(engine) is None
    with writing(engine) as session:
        jobs.adopt(first, session=session)
        jobs.finish(first, "succeeded", session=session)
    assert reserve(engine) == second


def test_a_heavy_job_waits_for_that_of_another_project(engine: Engine, project_id: int) -> None:
    with writing(engine) as session:
        other = Project(name="other")
        session.add(other)
        session.flush()
        other_id = other.id
    add(engine, project_id)
    add(engine, other_id)
    assert reserve(engine) is not None
    assert reserve(engine) is None


def test_a_job_is_adopted_once(engine: Engine, project_id: int) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        assert jobs.adopt(job_id, session=session).pid == os.getpid()
    with pytest.raises(ConflictError), writing(engine) as session:
        jobs.adopt(job_id, session=session)


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked(
    engine: Engine, project_id: int
) -> None:
    running, queued = add(engine, project_id), add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        jobs.adopt(running, session=session)
        assert jobs.heartbeat(running, session=session) is False
        assert jobs.request_cancel(queued, session=session) == "cancelled"
        assert jobs.request_cancel(running, session=session) == "running"
        assert jobs.heartbeat(running, session=session) is True


def test_an_expired_lease_makes_a_job_interrupted_and_it_can_be_resumed(
    engine: Engine, project_id: int
) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        jobs.adopt(job_id, session=session)
        assert jobs.reap_lost(session=session) == []
        later = now() + jobs.LEASE + timedelta(seconds=1)
        assert jobs.reap_lost(session=session, at=later) == [job_id]
    assert state(engine, job_id) == "interrupted"
    with writing(engine) as session:
        assert jobs.heartbeat(job_id, session=session) is True, "its old process must stop"
        jobs.requeue(job_id, session=session)
    assert reserve(engine) == job_id
    with reading(engine) as session:
        assert jobs.get_job(job_id, session=session).attempt == 2


def test_a_dead_process_of_this_host_is_noticed_before_its_lease_ends(
    engine: Engine, project_id: int
) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        job = jobs.adopt(job_id, session=session)
        job.pid = dead.pid
    with reading(engine) as session:
        assert jobs.anything_due(session=session)
        assert jobs.stale_jobs(session=session) == [job_id]


def test_a_job_taken_away_cannot_be_finished_by_its_old_process(
    engine: Engine, project_id: int
) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        session.get_one(Job, job_id).state = "interrupted"
        jobs.finish(job_id, "succeeded", session=session)
    assert state(engine, job_id) == "interrupted"


def test_a_running_job_cannot_be_resumed(engine: Engine, project_id: int) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with pytest.raises(ConflictError, match="running"), writing(engine) as session:
        jobs.requeue(job_id, session=session)


_RESERVE = """
import sys
from db import jobs
from db.engine import make_engine
from db.sessions import writing
engine = make_engine(sys.argv[1])
with writing(engine) as session:
    job = jobs.reserve_next(session=session)
    print(job.id if job else "none")
"""


def test_of_many_launchers_one_gets_the_job(url: str, engine: Engine, project_id: int) -> None:
    job_id = add(engine, project_id)
    processes = [
        subprocess.Popen([sys.executable, "-c", _RESERVE, url], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    answers = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert sorted(answers) == sorted([str(job_id), *["none"] * 5])


def test_a_process_that_lost_its_job_neither_ends_nor_moves_its_successors(
    engine: Engine, project_id: int
) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        job = jobs.adopt(job_id, session=session)
        assert jobs.is_ours(job_id, session=session)
        job.owner, job.pid = "elsewhere:1", 1  # resumed there meanwhile
    with writing(engine) as session:
        assert not jobs.is_ours(job_id, session=session)
        assert jobs.heartbeat(job_id, session=session), "it is told to stop"
        jobs.report_progress(
            job_id, session=session, done=1, total=2, message="mine", eta_seconds=None
        )
        jobs.finish(job_id, "cancelled", session=session)
    with reading(engine) as session:
        job = jobs.get_job(job_id, session=session)
        assert (job.state, job.message) == ("running", "starting")


def test_a_cancelled_job_that_kept_something_is_not_resumed(
    engine: Engine, project_id: int
) -> None:
    job_id = add(engine, project_id)
    for result in (None, {"version": 3}):
        reserve(engine)
        with writing(engine) as session:
            jobs.adopt(job_id, session=session)
            jobs.finish(job_id, "cancelled", session=session, result=result)
        if result is None:
            with writing(engine) as session:
                jobs.requeue(job_id, session=session)
    with pytest.raises(ConflictError, match="start a new one"), writing(engine) as session:
        jobs.requeue(job_id, session=session)


def test_a_job_whose_process_could_not_be_started_has_failed(
    engine: Engine, project_id: int
) -> None:
    job_id = add(engine, project_id)
    reserve(engine)
    with writing(engine) as session:
        jobs.launch_failed(job_id, "no python", session=session)
    assert state(engine, job_id) == "failed"
