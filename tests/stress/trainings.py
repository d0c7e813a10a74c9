"""An installation with a tiny BERT, labelled tweets and a current model, to be killed at will."""

import hashlib
import os
import signal
import time
from pathlib import Path
from typing import Any

from installation import Installation, write_tweets
from sqlalchemy import select

from db import jobs
from db.migrate import upgrade
from db.projects import current_model, get_project
from db.schema import Job, ModelVersion
from db.sessions import reading, writing
from labeling.creating import create_project
from labeling.importing import import_file
from trainer.config import TrainConfig
from trainer.job import start_due, submit

TEXTS = ["a hoax and a scam", "we must act now", "report published today", "what is the plan"]


def install(data: Path, base_model: Path, count: int = 60) -> Installation:
    """Make a project with `count` labelled tweets; nothing is trained yet."""
    data.mkdir(parents=True, exist_ok=True)
    place = Installation(data, base_model)
    upgrade(place.engine)
    write_tweets(data / "labelled.csv", count, labelled=True, first=0)
    with writing(place.engine) as session:
        project = create_project("climate", session=session, template="climate")
        project.settings = {**project.settings, "base_model": str(base_model), "gate": "ask"}
    import_file(data / "labelled.csv", engine=place.engine, project_name="climate")
    return place


def train(place: Installation, *, seed: int = 1, fault: str = "") -> int:
    """Start a training of two epochs, to die at a fault point if one is named."""
    config = TrainConfig(
        base_model=place.base_model,
        epochs=2,
        learning_rate=3e-3,
        batch_size=8,
        max_length=32,
        threads=1,
        precision="fp32",
        seed=seed,
    )
    with reading(place.engine) as session:
        project_id = get_project("climate", session=session).id
    with armed(fault):
        return submit(
            place.engine, place.settings, project_id, "train", {"config": config.to_json()}
        )


def resume(place: Installation, job_id: int, *, fault: str = "") -> None:
    """Put an interrupted training back in the queue and start it."""
    with writing(place.engine) as session:
        jobs.requeue(job_id, session=session)
    with armed(fault):
        start_due(place.engine, place.settings)


class armed:
    """Processes started within die at this fault point."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def __enter__(self) -> None:
        os.environ["RELABEL_FAULT"] = self.fault

    def __exit__(self, *_error: object) -> None:
        del os.environ["RELABEL_FAULT"]


def kill_after(place: Installation, job_id: int, seconds: float) -> bool:
    """SIGKILL a job's process so long after it took the job over; tell whether it still ran."""
    until = time.monotonic() + 60
    pid = None
    while pid is None and time.monotonic() < until:
        job = job_of(place, job_id)
        if job.state != "running":
            return False
        pid = job.pid
        time.sleep(0.02)
    time.sleep(seconds)
    try:
        os.kill(pid or 0, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def job_of(place: Installation, job_id: int) -> Job:
    with reading(place.engine) as session:
        return jobs.get_job(job_id, session=session)


def processes_of(place: Installation) -> list[int]:
    """Return the job processes of this installation that are alive."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"trainer.job" in command and f"RELABEL_DATA={place.data}\0".encode() in environment:
            found.append(int(entry.name))
    return found


def orphans_of(place: Installation) -> int:
    """Count the job processes that stay; one that has said how it ended may take a moment to."""
    until = time.monotonic() + 20
    while (left := processes_of(place)) and time.monotonic() < until:
        time.sleep(0.1)
    return len(left)


def predictions_of_current(place: Installation) -> Any:
    """Load the current model, all checks on, and return what it says of a few texts."""
    from trainer.predict import load_classifier

    with reading(place.engine) as session:
        current = current_model(get_project("climate", session=session), session=session)
        assert current is not None
        directory, manifest = place.data / current.directory, current.manifest_sha256
    return load_classifier(directory, manifest_sha256=manifest).probabilities(TEXTS).tolist()


def digest_of(place: Installation, job_id: int) -> str:
    """Return the digest of the weights that a job's only version holds."""
    with reading(place.engine) as session:
        number = jobs.get_job(job_id, session=session).result["version"]
        query = select(ModelVersion).where(ModelVersion.number == number)
        directory = place.data / session.scalars(query).one().directory
    digest = hashlib.sha256()
    for name in ("model.safetensors", "head.safetensors"):
        digest.update((directory / name).read_bytes())
    return digest.hexdigest()


def stray_models(place: Installation) -> list[str]:
    """Return what lies under models/ without being a version."""
    with reading(place.engine) as session:
        known = {Path(name).name for name in session.scalars(select(ModelVersion.directory))}
    return [path.name for path in place.settings.models.iterdir() if path.name not in known]
