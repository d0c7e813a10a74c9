"""`python -m db user …`, as somebody at the server types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def user(tmp_path: Path):
    def run(*words: str, stdin: str = "", code: int = 0) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-m", "db", "user", *words, "--json"],
            cwd=ROOT,
            env={**os.environ, "RELABEL_DATA": str(tmp_path), "RELABEL_DATABASE_URL": ""},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    return run


def test_accounts_are_made_listed_and_changed(user) -> None:
    secret = "four words make one"  # noqa: S105
    made = user("add", "Ada", "--role", "admin", "--password-stdin", stdin=f"{secret}\n")
    assert json.loads(made.stdout)["password"] is True
    assert secret not in made.stdout + made.stderr
    user("add", "Ben", "--email", "Ben@example.org", "--no-password")
    user("change", "Ben", "--role", "reviewer")
    user("disable", "Ada")
    users = json.loads(user("list").stdout)["users"]
    shown = [(one["name"], one["role"], one["email"], one["active"]) for one in users]
    assert shown == [
        ("Ada", "admin", None, False),
        ("Ben", "reviewer", "ben@example.org", True),
    ]


def test_a_refusal_is_one_line_and_tells_the_next_step(user) -> None:
    for words, stdin, said in (
        (("add", "Ada", "--password-stdin"), "short\n", "at least 12"),
        (("add", "Ada"), "", "--password-stdin"),
        (("password", "Nobody", "--password-stdin"), "long enough, surely\n", "nobody is called"),
    ):
        refused = user(*words, stdin=stdin, code=1)
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
