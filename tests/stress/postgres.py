"""A real PostgreSQL server for the tests, from Debian's package, in a directory of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = 5432  # names the socket; no TCP port is opened
FAST = ("fsync=off", "full_page_writes=off")  # the tests kill clients, not the machine


def binaries() -> Path | None:
    """Return the directory of the newest server's programs, None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def server() -> Iterator[str]:
    """Run a server; yield the URL of its database, without the database's name."""
    bin = binaries()
    assert bin is not None
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    as_user = {"user": user, "group": pwd.getpwnam(user).pw_gid} if os.getuid() == 0 else {}
    directory = Path(tempfile.mkdtemp(prefix="relabel-pg-", dir="/tmp"))
    shutil.chown(directory, user)
    data, log = directory / "data", directory / "log"
    initdb = [bin / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "-N"]
    options = ["-c", "listen_addresses=", "-k", str(directory), "-p", str(PORT), "-c"]
    options += " -c ".join([*FAST, "max_connections=50"]).split(" ")
    start = [bin / "pg_ctl", "-D", data, "-l", log, "-w", "-o", " ".join(options), "start"]
    try:
        for command in (initdb, start):
            subprocess.run(command, check=True, capture_output=True, cwd=directory, **as_user)
        socket = directory / f".s.PGSQL.{PORT}"
        yield f"postgresql+pg8000://postgres@/{{}}?unix_sock={socket}"
    finally:
        stop = [bin / "pg_ctl", "-D", data, "-m", "immediate", "stop"]
        subprocess.run(stop, check=False, capture_output=True, cwd=directory, **as_user)
        shutil.rmtree(directory, ignore_errors=True)
