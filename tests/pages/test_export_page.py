from pathlib import Path

from opened import Opener, words
from sqlalchemy import Engine

from db import jobs
from db.sessions import reading, writing
from labeling import exporting


def _write(at):
    return next(button for button in at.button if button.label == "Write the file").click().run()


def test_the_page_says_how_many_rows_the_file_will_have(project: int, open_page: Opener) -> None:
    at = open_page("export")
    assert not at.exception
    assert "imported" in words(at)
    at.segmented_control(key="export_rows").set_value("all").run()
    assert "The file will have 160 rows" in words(at)


def test_the_job_gets_the_choices(project: int, open_page: Opener, engine: Engine) -> None:
    at = open_page("export")
    at.segmented_control(key="export_rows").set_value("all")
    at.segmented_control(key="export_format").set_value("jsonl")
    at.toggle(key="export_raw").set_value(True)
    _write(at.run())
    assert not at.exception
    with reading(engine) as session:
        job = jobs.recent_jobs(project, session=session, kind="export", limit=1)[0]
    chosen = {name: job.params[name] for name in ("rows", "format", "raw")}
    assert chosen == {"rows": "all", "format": "jsonl", "raw": True}


def test_a_finished_export_is_offered_for_download(
    project: int, open_page: Opener, engine: Engine, data: Path
) -> None:
    path = data / "exports" / "one.csv"
    path.parent.mkdir()
    report = exporting.export(path, engine=engine, project_name="Climate stance")
    with writing(engine) as session:
        job = jobs.enqueue(project, "export", {"rows": "gold", "format": "csv"}, session=session)
        job.state = "succeeded"
        job.result = {"rows": report.rows, "path": "exports/one.csv"}
    at = open_page("export")
    assert not at.exception
    assert at.download_button[0].label == "Download"
    assert f"Gold labels, CSV, {report.rows} rows, " in words(at)


def test_a_file_that_is_gone_is_said_so(project: int, open_page: Opener, engine: Engine) -> None:
    with writing(engine) as session:
        job = jobs.enqueue(project, "export", {"rows": "gold", "format": "csv"}, session=session)
        job.state, job.result = "succeeded", {"rows": 3, "path": "exports/gone.csv"}
    at = open_page("export")
    assert "not kept any more" in words(at)
    assert not at.download_button


def test_a_job_that_cannot_start_is_shown_with_its_reason(project: int, open_page: Opener) -> None:
    at = _write(open_page("export"))
    assert not at.exception
    assert "could not be started" in at.error[0].value
