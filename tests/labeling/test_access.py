"""Where each way in may be offered: the start script, and the server by itself."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.access import Access, access, check_address, cookie_secret, is_loopback
from labeling.errors import AccessRefused

ROOT = Path(__file__).resolve().parents[2]
OPEN = ["0.0.0.0", "", None, "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"]  # noqa: S104


@pytest.mark.parametrize("address", OPEN)
def test_local_access_is_for_this_machine_only(address: str | None) -> None:
    with pytest.raises(AccessRefused, match="python -m db user add"):
        check_address(address, Access("local"))
    check_address(address, Access("accounts"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_is_known_in_every_spelling(address: str) -> None:
    assert is_loopback(address)
    check_address(address, Access("local"))


def test_an_unknown_way_in_or_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELABEL_ACCESS", "everybody")
    with pytest.raises(AccessRefused, match="everybody"):
        access()
    with pytest.raises(AccessRefused, match="RELABEL_URL"):
        Access("oidc", "labels.example.org")


def test_oidc_names_the_setting_that_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELABEL_OIDC_CLIENT_ID", "relabel")
    with pytest.raises(AccessRefused) as refused:
        check_address("127.0.0.1", Access("oidc"))
    for name in ("RELABEL_OIDC_METADATA_URL", "RELABEL_OIDC_CLIENT_SECRET", "RELABEL_URL"):
        assert name in str(refused.value)
    assert "RELABEL_OIDC_CLIENT_ID" not in str(refused.value)


def test_browsers_may_ask_under_the_outside_name() -> None:
    assert Access("oidc", "https://labels.example.org:8443/x").hosts[-1] == "labels.example.org"


@pytest.mark.parametrize("address", ["0.0.0.0", ""])  # noqa: S104
def test_the_server_itself_refuses_an_open_address(address: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += [f"--server.address={address}", "--server.port=0", "--server.headless=true"]
    environment = {**os.environ, "RELABEL_DATA": str(tmp_path), "RELABEL_ACCESS": "local"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert "RELABEL_ACCESS=accounts" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "relabel.db").exists()


def test_the_start_script_refuses_before_anything_is_started() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "labeling.access", "0.0.0.0"],  # noqa: S104
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert 'labeling.access "$(HOST)"' in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_cookie_secret_is_random_kept_and_private(tmp_path: Path) -> None:
    first = cookie_secret(tmp_path / "one")
    assert cookie_secret(tmp_path / "one") == first != cookie_secret(tmp_path / "two")
    file = tmp_path / "one" / "cookie-secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(first) == 64
    file.chmod(0o644)
    with pytest.raises(AccessRefused, match="chmod 600"):
        cookie_secret(tmp_path / "one")
