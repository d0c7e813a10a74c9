"""A data directory with its store, and the real commands and jobs run on it."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import Engine

from db import jobs
from db.engine import make_engine
from db.schema import Job
from db.sessions import reading
from db.settings import Settings
from trainer.job import start_due

ROOT = Path(__file__).parent.parent.parent
TONES = {
    "-1": "a hoax and a scam number",
    "0": "what is the plan question",
    "1": "we must act now crisis",
    "2": "report published today study",
}


class Installation:
    """A data directory, its store, and the commands run on it."""

    def __init__(self, data: Path, base_model: Path) -> None:
        self.data = data
        self.settings = Settings(data, f"sqlite:///{data / 'relabel.db'}", "local")
        self.base_model = str(base_model)
        self.engine: Engine = make_engine(self.settings.database_url)

    def command(self, *arguments: str, code: int = 0) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**os.environ, "RELABEL_DATA": str(self.data), "RELABEL_DATABASE_URL": ""},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        if code:
            assert done.stdout == ""
            return {"message": done.stderr.strip().splitlines()[-1]}
        return json.loads(done.stdout) if "--json" in arguments else {}

    def wait(self, job_id: int, *states: str) -> Job:
        for _ in range(1200):
            start_due(self.engine, self.settings)
            with reading(self.engine) as session:
                job = jobs.get_job(job_id, session=session)
                if job.state in states:
                    return job
            time.sleep(0.1)
        log = (self.data / str(job.log)).read_text() if job.log else ""
        raise AssertionError(f"job {job_id} is {job.state}, {job.error}\n{log}")


def write_tweets(path: Path, count: int, *, labelled: bool, first: int) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sentiment", "message", "tweetid"])
        for number in range(count):
            value = list(TONES)[number % 4]
            text = f"{TONES[value]} {first + number} about climate"
            writer.writerow([value if labelled else "", text, str(10**18 + first + number)])
