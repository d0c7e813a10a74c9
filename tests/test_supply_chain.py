"""What is installed: pinned by hash, permissive, and asked about."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tools"))

import audit  # noqa: E402
import licences  # noqa: E402
import lock  # noqa: E402


def test_the_locks_are_those_of_the_requirements() -> None:
    assert lock.problems() == []
    assert len(lock.blocks(lock.LOCK.read_text(encoding="utf-8"))) > 60


def test_every_direct_requirement_is_in_the_lock() -> None:
    names = re.findall(r"^([A-Za-z][\w.-]*)", lock.SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    locked = {name.lower() for name, _ in audit.pins()}
    assert len(names) > 10
    assert {name.lower() for name in names} <= locked


def test_make_installs_by_hash_and_nothing_else() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    install = makefile.split("INSTALL :=")[1].split("$(VENV)/.runtime:")[0]
    assert "--require-hashes" in install
    assert "--no-deps" in install
    rule = makefile.split("$(VENV)/.runtime:")[1].split("@touch")[0]
    assert re.findall(r"-r (\S+?)[;\s]", rule) == [
        "requirements-cpu.lock",
        "requirements.lock",
        "requirements-cuda.lock",
    ]
    assert rule.count("$(INSTALL)") == 3
    assert "pip install" not in rule


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("streamlit==1.67.0", "streamlit==1.67.1", "was not made from"),
        (None, "left-pad>=1\n", "is not pinned"),
        (None, "left-pad==1.0 \\\n    --hash=md5:0\n", "has no hash"),
    ],
)
def test_a_lock_that_was_tampered_with_is_found(
    before: str | None, after: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SOURCE", "LOCK"):  # the others stay as they are
        copy = tmp_path / getattr(lock, name).name
        copy.write_bytes(getattr(lock, name).read_bytes())
        monkeypatch.setattr(lock, name, copy)
    target = lock.LOCK if before is None else lock.SOURCE
    text = target.read_text(encoding="utf-8")
    target.write_text(text.replace(before, after) if before else text + after, encoding="utf-8")
    assert any(said in problem for problem in lock.problems())


def test_every_licence_is_permissive_and_listed() -> None:
    found = licences.found()
    assert licences.problems(found) == []
    listed = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    assert [name for name in found if f"| {name} | " not in listed] == []


@pytest.mark.parametrize("licence", ["", "GPL-3.0", "MIT AND LGPL-2.1", "Proprietary", "AGPL-3.0"])
def test_a_licence_that_is_not_permissive_is_found(licence: str) -> None:
    assert licences.problems({"planted": licence})


@pytest.fixture
def advisories() -> Iterator[Callable[[dict[str, list[str]]], str]]:
    """A service of advisories: give it {package: ids}, get its address."""
    servers: list[HTTPServer] = []

    def start(known: dict[str, list[str]]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = [known.get(one["package"]["name"], []) for one in asked["queries"]]
                results = [{"vulns": [{"id": id} for id in ids]} if ids else {} for ids in found]
                body = json.dumps({"results": results}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Stay silent."""

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def run_audit(service: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / "audit.py")],
        env={**os.environ, "RELABEL_OSV": service},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_audit_is_red_for_a_known_weakness_only(
    advisories: Callable[[dict[str, list[str]]], str],
) -> None:
    assert run_audit(advisories({})).returncode == 0
    red = run_audit(advisories({"streamlit": ["PYSEC-0000-1"]}))
    assert red.returncode == 1
    assert "streamlit==" in red.stderr
    assert "PYSEC-0000-1" in red.stderr


def test_the_audit_is_a_note_where_the_service_cannot_be_reached() -> None:
    done = run_audit("http://127.0.0.1:9")
    assert done.returncode == 0
    assert "not audited" in done.stdout
