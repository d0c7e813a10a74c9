import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from db import jobs
from db.engine import make_engine
from db.migrate import upgrade
from db.projects import get_project
from db.schema import Job, Tweet
from db.sessions import reading, writing
from db.settings import Settings
from labeling.creating import create_project
from labeling.errors import LabelingError
from labeling.job import HANDLERS
from trainer.job import run_job

Run = Callable[[str, dict[str, object]], Job]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("RELABEL_DATA", str(tmp_path))
    monkeypatch.delenv("RELABEL_DATABASE_URL", raising=False)
    # The classifier that an import asks for is written down but not started by this engine.
    monkeypatch.setenv("RELABEL_ENGINE", "ray")
    return Settings.from_environment()


@pytest.fixture
def installed(settings: Settings) -> Engine:
    engine = make_engine(settings.database_url)
    upgrade(engine)
    with writing(engine) as session:
        create_project("climate", session=session, template="climate")
    settings.uploads.mkdir(parents=True)
    (settings.uploads / "abc").write_text("sentiment,message,tweetid\n1,hello,1\n,there,2\n")
    return engine


@pytest.fixture
def run(installed: Engine) -> Run:
    """Live through a job in this process, as its own process would."""

    def _run(kind: str, params: dict[str, object]) -> Job:
        with writing(installed) as session:
            project = get_project("climate", session=session)
            job_id = jobs.enqueue(project.id, kind, params, session=session).id
        with writing(installed) as session:
            jobs.reserve_next(session=session)
        run_job(job_id, HANDLERS, expected=(LabelingError,))
        with reading(installed) as session:
            return jobs.get_job(job_id, session=session)

    return _run


def test_an_upload_is_brought_in_and_exported_by_jobs(
    run: Run, installed: Engine, settings: Settings
) -> None:
    columns = {"text": "message", "id": "tweetid", "label": "sentiment"}
    params = {"path": "uploads/abc", "file_name": "tweets.csv", "columns": columns}
    brought = run("import", params)
    assert brought.state == "succeeded", brought.error
    assert brought.result is not None
    assert (brought.result["accepted"], brought.result["rejected"]) == (2, 0)
    assert list(settings.uploads.iterdir()) == []
    with reading(installed) as session:
        assert session.scalar(select(func.count()).where(Job.kind == "train")) == 1
    with reading(installed) as session:
        assert session.scalar(select(func.count()).select_from(Tweet)) == 2
    taken = run("export", {"format": "csv", "rows": "all"})
    assert taken.state == "succeeded", taken.error
    assert taken.result is not None
    path = settings.data / taken.result["path"]
    assert path.is_relative_to(settings.exports)
    with path.open(newline="") as stream:
        assert [row["message"] for row in csv.DictReader(stream)] == ["hello", "there"]


def test_a_refused_file_ends_the_job_with_its_reason(run: Run, settings: Settings) -> None:
    (settings.uploads / "abc").write_bytes(b"sentiment,message,tweetid\n1,caf\xe9,2\n")
    job = run("import", {"path": "uploads/abc"})
    assert job.state == "failed"
    assert job.error is not None
    assert "line 2: the byte 0xE9 is not UTF-8" in job.error


@pytest.mark.parametrize("path", ["../outside.csv", "/etc/passwd", "uploads/../../x"])
def test_a_path_outside_the_data_directory_is_refused(run: Run, path: str) -> None:
    job = run("import", {"path": path})
    assert job.state == "failed"
    assert job.error is not None
    assert "outside the data directory" in job.error
