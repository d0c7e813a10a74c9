"""The trainer through its real processes: jobs, the commands, a kill and a resume."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from installation import Installation, write_tweets
from sqlalchemy import func, select

from db import jobs
from db.predictions import count_predictions, count_unpredicted
from db.projects import current_model, get_project, settings_of
from db.runs import end_run, epochs_of, get_run
from db.schema import ModelVersion, Run
from db.sessions import reading, writing
from trainer import job as job_module
from trainer import precision
from trainer.config import TrainConfig
from trainer.job import start_due, submit

ROOT = Path(__file__).parent.parent.parent
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path):
    data = tmp_path_factory.mktemp("installation")
    made = Installation(data, tiny_bert)
    write_tweets(data / "labelled.csv", 160, labelled=True, first=0)
    write_tweets(data / "open.csv", 60, labelled=False, first=1000)
    made.command("labeling", "create", "climate", "--json")
    with writing(made.engine) as session:
        project = get_project("climate", session=session)
        chosen = settings_of(project).to_json()
        project.settings = {**chosen, "base_model": made.base_model, "gate": "ask"}
    made.command("labeling", "import", str(data / "open.csv"), "--project", "climate", "--json")
    yield made
    made.engine.dispose()


def the_current(place: Installation) -> tuple[int, str, int]:
    with reading(place.engine) as session:
        project = get_project("climate", session=session)
        current = current_model(project, session=session)
        assert current is not None
        assert count_unpredicted(project.id, current.id, session=session) == 0
        return current.number, current.kind, count_predictions(current.id, session=session)


def test_there_is_a_guess_from_the_first_tweet_and_a_probe_once_there_are_labels(
    place: Installation,
) -> None:
    first = place.command("labeling", "prelabel", "--project", "climate", "--json")
    assert first["predicted"] == 60
    assert the_current(place) == (1, "zero_shot", 60)
    labelled = str(place.data / "labelled.csv")
    place.command("labeling", "import", labelled, "--project", "climate", "--json")
    again = place.command("labeling", "prelabel", "--project", "climate", "--json")
    assert again["predicted"] == 60
    assert the_current(place) == (2, "probe", 60)
    nothing = place.command("labeling", "prelabel", "--project", "climate", "--json")
    assert nothing["predicted"] == 0


def test_a_run_makes_a_candidate_which_can_be_promoted_and_rolled_back(
    place: Installation,
) -> None:
    run = place.command(
        *("trainer", "run", "--project", "climate", "--epochs", "2", "--seed", "3", "--json")
    )
    assert run["state"] == "candidate"
    assert set(run["metrics"]) == {"validation", "test"}
    for key in ("n", "accuracy", "macro_f1", "weighted_f1", "per_class", "confusion", "ece"):
        assert key in run["metrics"]["validation"]
    assert run["tweets_per_second"] > 0
    with reading(place.engine) as session:
        assert len(epochs_of(int(str(run["run"])), session=session)) == 2
        version = session.scalars(
            select(ModelVersion).where(ModelVersion.number == run["version"])
        ).one()
        assert version.comparison is not None
        assert version.comparison["version"] == 2
    listed = place.command("trainer", "models", "--project", "climate", "--json")
    assert [(row["version"], row["state"]) for row in listed["versions"]] == [
        (3, "candidate"),
        (2, "current"),
        (1, "retired"),
    ]
    promoted = place.command("trainer", "promote", "--project", "climate", "3", "--json")
    place.wait(int(str(promoted["job"])), "succeeded")
    assert the_current(place) == (3, "fine_tuned", 60)
    back = place.command("trainer", "promote", "--project", "climate", "2", "--json")
    assert the_current(place) == (2, "probe", 60), "the predictions are still there"
    place.wait(int(str(back["job"])), "succeeded")


def test_a_run_trained_again_reaches_the_same_metrics(place: Installation) -> None:
    with reading(place.engine) as session:
        version = session.scalars(select(ModelVersion).where(ModelVersion.number == 3)).one()
        run_id = str(version.run_id)
    again = place.command("trainer", "reproduce", run_id, "--project", "climate", "--json")
    assert again["matches"], again
    assert {score["split"] for score in again["scores"]} == {"validation", "test"}
    assert "baselines" in version.metrics
    guess = place.command("trainer", "reproduce", "1", "--project", "climate", code=1)
    assert "not trained" in str(guess["message"])


def test_a_run_goes_on_from_the_version_in_use_if_that_is_fine_tuned(place: Installation) -> None:
    begin = ("trainer", "run", "--project", "climate", "--start-from", "current", "--epochs", "1")
    refused = place.command(*begin, "--json", code=1)
    assert "is a probe, not fine-tuned" in str(refused["message"])
    place.command("trainer", "promote", "--project", "climate", "3", "--json")
    run = place.command(*begin, "--labels-used", "gold_and_single", "--json")
    with reading(place.engine) as session:
        stored = session.get_one(Run, run["run"]).snapshot
        third = session.scalars(select(ModelVersion).where(ModelVersion.number == 3)).one()
        assert stored["start"]["manifest_sha256"] == third.manifest_sha256
        assert stored["labels_used"] == "gold_and_single"
        assert stored["sources"]["imported"] > 0
    again = place.command("trainer", "reproduce", str(run["run"]), "--project", "climate", "--json")
    assert again["matches"], again
    back = place.command("trainer", "promote", "--project", "climate", "2", "--json")
    place.wait(int(str(back["job"])), "succeeded")


def test_the_labels_can_be_asked_whether_splits_leak_and_whether_more_would_help(
    place: Installation,
) -> None:
    leaks = place.command("trainer", "leakage", "--project", "climate", "--seeds", "2", "--json")
    assert len(leaks["grouped"]["macro_f1"]) == len(leaks["random"]["macro_f1"]) == 2
    assert leaks["grouped"]["straddling"] == 0
    curve = place.command("trainer", "curve", "--project", "climate", "--seeds", "2", "--json")
    counts = [point["labels"] for point in curve["points"]]
    assert counts == sorted(counts)
    assert curve["gain"] is not None


def test_both_questions_to_the_labels_run_as_jobs_and_can_be_cancelled(place: Installation) -> None:
    with reading(place.engine) as session:
        project_id = get_project("climate", session=session).id
    leaks = submit(place.engine, place.settings, project_id, "leakage", {"seeds": 2})
    curve = submit(place.engine, place.settings, project_id, "curve", {"seeds": 2})
    found = place.wait(leaks, "succeeded", "failed")
    assert found.state == "succeeded", found.error
    assert found.result is not None
    assert found.result["grouped"]["seen"] == 0.0
    assert found.done == found.total == 4
    found = place.wait(curve, "succeeded", "failed")
    assert found.state == "succeeded", found.error
    assert found.result is not None
    assert found.result["kind"] == "probe"
    assert len(found.result["points"]) >= 4
    slow = submit(
        place.engine, place.settings, project_id, "curve", {"kind": "fine_tuned", "seeds": 50}
    )
    with writing(place.engine) as session:
        jobs.request_cancel(slow, session=session)
    assert place.wait(slow, "cancelled", "succeeded", "failed").state == "cancelled"


def test_any_labelled_file_can_be_scored_predicted_and_the_model_taken_away(
    place: Installation, tmp_path: Path
) -> None:
    labelled, out, folder = place.data / "labelled.csv", tmp_path / "out.csv", tmp_path / "model"
    # A fine-tuned version is a plain transformers model; a probe is one but for its n-grams.
    options = ("--project", "climate", "--model", "3", "--json")
    scores = place.command(
        *("trainer", "evaluate", str(labelled), "--text-column", "message"),
        *("--label-column", "sentiment", *options),
    )
    assert scores["n"] == 160
    some = tmp_path / "some.csv"
    some.write_text("sentiment,message\n,hello there\n1,we must act now crisis\n")
    few = place.command(
        *("trainer", "evaluate", str(some), "--text-column", "message"),
        *("--label-column", "sentiment", *options),
    )
    assert few["n"] == 1, "rows without a label are left out"
    odd = tmp_path / "odd.csv"
    odd.write_text("label,confidence\nact now,7\n")
    place.command("trainer", "predict", str(odd), str(odd), "--text-column", "label", *options)
    with odd.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["original_label"], row["original_confidence"]) == ("act now", "7")
    database = str(place.data / "relabel.db")
    into = ("trainer", "predict", str(labelled), database, *options)
    assert "the database in use" in str(place.command(*into, code=1)["message"])
    place.command("trainer", "predict", str(labelled), str(out), *options)
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 160
    assert {"label", "confidence", "probability_-1", "probability_2"} <= set(rows[0])
    agree = sum(row["label"] == row["sentiment"] for row in rows) / 160
    assert agree == pytest.approx(scores["accuracy"])
    place.command("trainer", "package", str(folder), *options)
    code = (
        "import sys, json, warnings; warnings.simplefilter('ignore');"
        "from transformers import AutoModelForSequenceClassification as M, AutoTokenizer as T;"
        "m = M.from_pretrained(sys.argv[1]).eval(); t = T.from_pretrained(sys.argv[1]);"
        "print(json.dumps(m(**t([sys.argv[2]], return_tensors='pt')).logits.softmax(-1).tolist()))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, str(folder), rows[0]["message"]],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    ours = [float(rows[0][f"probability_{value}"]) for value in ("-1", "0", "1", "2")]
    assert json.loads(loaded.stdout)[0] == pytest.approx(ours, abs=2e-3)


def test_refusals_are_one_line_with_the_next_step(place: Installation) -> None:
    assert "there are: 'climate'" in str(
        place.command("trainer", "models", "--project", "nowhere", code=1)["message"]
    )
    assert "versions: " in str(
        place.command("trainer", "promote", "--project", "climate", "99", code=1)["message"]
    )
    for wrong in (("run",), ("promote", "--project", "climate", "x"), ("dance",)):
        place.command("trainer", *wrong, code=2)
    place.command("trainer", "run", "--project", "climate", "--epochs", "0", code=2)
    for name in ("leakage", "curve"):
        place.command("trainer", name, "--project", "climate", "--seeds", "0", code=2)
    here = ("trainer", "package", "--project", "climate", "--model", "1", ".")
    assert "name a new one" in str(place.command(*here, code=1)["message"])


def start_long_run(place: Installation) -> int:
    config = {"epochs": 60, "base_model": place.base_model, "batch_size": 4, "seed": 5}
    job_id = submit(place.engine, place.settings, 1, "train", {"config": config})
    for _ in range(600):
        with reading(place.engine) as session:
            run = session.scalars(select(Run).where(Run.job_id == job_id)).one_or_none()
            if run is not None and len(epochs_of(run.id, session=session)) >= 1:
                return job_id
            assert jobs.get_job(job_id, session=session).state in {"queued", "running"}
        time.sleep(0.1)
    raise AssertionError("the training never validated")


def test_a_killed_training_harms_nothing_and_resumes(place: Installation) -> None:
    before = the_current(place)
    job_id = start_long_run(place)
    with reading(place.engine) as session:
        pid = jobs.get_job(job_id, session=session).pid
        versions = session.scalar(select(func.count()).select_from(ModelVersion))
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    job = place.wait(job_id, "interrupted")
    assert "stopped unexpectedly" in job.message
    assert the_current(place) == before
    with writing(place.engine) as session:
        jobs.requeue(job_id, session=session)
    start_due(place.engine, place.settings)
    for _ in range(600):  # resumed: it runs again under the same run
        with reading(place.engine) as session:
            job = jobs.get_job(job_id, session=session)
            training = "step" in job.message
            if job.state == "running" and job.pid not in {None, pid} and training:
                break
        time.sleep(0.1)
    with writing(place.engine) as session:
        assert jobs.request_cancel(job_id, session=session) == "running"
    ended = place.wait(job_id, "cancelled", "succeeded")
    assert ended.attempt == 2
    with reading(place.engine) as session:
        runs = session.scalars(select(Run).where(Run.job_id == job_id)).all()
        assert len(runs) == 1
        after = session.scalar(select(func.count()).select_from(ModelVersion))
    assert after == versions + 1, "a cancelled training keeps its best epoch as a candidate"
    assert the_current(place) == before


def test_a_resumed_run_computes_in_the_precision_that_it_began_with(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(place.engine) as session:
        job_id = jobs.enqueue(1, "train", {}, session=session).id
    context: Any = SimpleNamespace(
        engine=place.engine, settings=place.settings, project_id=1, job_id=job_id
    )
    config = TrainConfig(base_model=place.base_model)
    assert config.precision == "auto"
    found = []
    for gains in (True, False):  # measured anew on a busier machine, say
        monkeypatch.setattr(precision, "gains_from_bf16", lambda gains=gains: gains)
        given = job_module._open_run(context, config)
        found.append(given.config.precision)
    with writing(place.engine) as session:
        run = get_run(given.run_id, session=session)
        assert run.config["precision"] == "auto"  # as it was asked for
        assert run.environment["precision"] == "bf16"
        end_run(run.id, "cancelled", session=session, facts={})
        assert jobs.request_cancel(job_id, session=session) == "cancelled"
    assert found == ["bf16", "bf16"]


def test_a_training_that_is_asked_to_end_resumes_and_promotes_nothing_half_learnt(
    place: Installation,
) -> None:
    """A signal is no cancel: a reboot must not make a version of the first epochs."""
    before = the_current(place)
    job_id = start_long_run(place)
    with reading(place.engine) as session:
        pid = jobs.get_job(job_id, session=session).pid
        versions = session.scalar(select(func.count()).select_from(ModelVersion))
    assert pid is not None
    os.kill(pid, signal.SIGTERM)
    job = place.wait(job_id, "interrupted", "succeeded")
    assert job.state == "interrupted"
    with reading(place.engine) as session:
        run = session.scalars(select(Run).where(Run.job_id == job_id)).one()
        assert session.scalar(select(func.count()).select_from(ModelVersion)) == versions
        done, kept = len(epochs_of(run.id, session=session)), run.id
    assert done < 60
    assert list((place.settings.runs / str(kept) / "checkpoints").glob("step-*"))
    assert the_current(place) == before
    with writing(place.engine) as session:
        jobs.requeue(job_id, session=session)
    ended = place.wait(job_id, "succeeded", "failed", "cancelled")
    assert (ended.state, ended.result["cancelled"]) == ("succeeded", False)
    with reading(place.engine) as session:
        assert len(epochs_of(kept, session=session)) == 60


def test_a_cancelled_training_is_neither_resumed_nor_reproduced(place: Installation) -> None:
    with reading(place.engine) as session:
        cancelled = session.scalars(select(Run).where(Run.state == "cancelled")).all()
        run = next(one for one in cancelled if one.environment.get("cancelled"))
        job_id, number = run.job_id, run.id
    resume = ("trainer", "resume", "--project", "climate", str(job_id))
    assert "start a new one" in str(place.command(*resume, code=1)["message"])
    again = ("trainer", "reproduce", "--project", "climate", str(number))
    assert "was cancelled" in str(place.command(*again, code=1)["message"])


def test_a_damaged_version_is_not_put_in_use(place: Installation) -> None:
    before = the_current(place)
    with reading(place.engine) as session:
        others = session.scalars(select(ModelVersion).where(ModelVersion.state != "current"))
        version = next(one for one in others if one.kind == "fine_tuned")
        number, file = version.number, place.data / version.directory / "model.safetensors"
    file.rename(file.with_suffix(".away"))
    promote = ("trainer", "promote", "--project", "climate", str(number))
    assert "model.safetensors" in str(place.command(*promote, code=1)["message"])
    file.with_suffix(".away").rename(file)
    assert the_current(place) == before
