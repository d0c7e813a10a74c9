"""The real app in a process of its own, on a free port, with a data directory of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class AppServer:
    """`streamlit run app.py`; can be stopped, frozen and started again under the same address."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.environment: dict[str, str] = {}
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {**os.environ, "RELABEL_DATA": str(self.data)}
        environment.pop("RELABEL_DATABASE_URL", None)
        environment.update(self.environment)
        command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        command += [f"--server.port={self.port}", "--server.headless=true"]
        with (self.data / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.data / "server.log").read_text(encoding="utf-8")[-2000:])
            time.sleep(0.1)

    def answers(self) -> bool:
        """Tell whether the server is up."""
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as reply:  # noqa: S310
                return bool(reply.read().strip() == b"ok")
        except OSError:
            return False

    def unknown_errors(self) -> list[str]:
        """What pages met that is no error of the app's own: people see a reference number."""
        log = self.data / "logs" / "app.jsonl"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        entries = [json.loads(line) for line in lines if line.endswith("}")]  # or it was killed
        return [one["traceback"] for one in entries if one["logger"] == "relabel.pages"]

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=20)
            self.process = None

    def freeze(self) -> None:
        """Stop its clock: connections stay open, nothing is answered."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)
