"""`python -m db check`: is this installation sound, and what to do where it is not."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from db.engine import has_wal_reset_bug, sqlite_module
from db.jobs import stale_jobs
from db.migrate import head, revision
from db.schema import DuplicateGroup, ModelVersion, Tweet
from db.sessions import reading
from db.settings import Settings

FREE_SPACE = 2 * 1024**3
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at. fix: what to do, empty where all is well."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def check(engine: Engine, settings: Settings) -> dict[str, Any]:
    """Look at everything; return {ok, findings}. Changes nothing."""
    looks: list[Callable[[], Finding]] = [
        lambda: _schema(engine),
        lambda: _free_space(settings),
        lambda: _file_system(settings),
        lambda: _jobs(engine),
        lambda: _groups(engine),
        lambda: _models(engine, settings),
    ]
    if engine.dialect.name == "sqlite":
        looks = [_sqlite_version, lambda: _pragmas(engine), lambda: _integrity(engine), *looks]
    findings: list[Finding] = []
    for look in looks:
        findings.append(look())
        if findings[-1].name == "schema" and not findings[-1].ok:
            break  # the rest would ask for tables that are not there
    return {
        "ok": all(finding.ok for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def _sqlite_version() -> Finding:
    module = sqlite_module()
    bad = has_wal_reset_bug(module.sqlite_version_info)
    fix = "pip install pysqlite3==0.6.1" if bad else ""
    return Finding("SQLite", not bad, module.sqlite_version, fix)


def _pragmas(engine: Engine) -> Finding:
    with engine.connect() as connection:
        found = {
            name: str(connection.exec_driver_sql(f"PRAGMA {name}").scalar())
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    ok = found["synchronous"] == "2" and found["foreign_keys"] == "1"
    fix = "" if ok else "reinstall Relabel: its engine sets synchronous=FULL and foreign keys"
    return Finding("pragmas", ok, ", ".join(f"{k}={v}" for k, v in found.items()), fix)


def _integrity(engine: Engine) -> Finding:
    with engine.connect() as connection:
        whole = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
        strays = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    ok = whole == "ok" and not strays
    found = whole if not strays else f"{len(strays)} rows point nowhere"
    return Finding("integrity", ok, found, "" if ok else "restore the newest backup")


def _schema(engine: Engine) -> Finding:
    found = revision(engine)
    ok = found == head()
    return Finding("schema", ok, found or "none", "" if ok else "python -m db upgrade")


def _free_space(settings: Settings) -> Finding:
    place = next(path for path in (settings.data, *settings.data.parents) if path.exists())
    free = shutil.disk_usage(place).free
    ok = free >= FREE_SPACE
    fix = "" if ok else f"free some space: training needs about {FREE_SPACE / 1024**3:.0f} GiB"
    return Finding("free space", ok, f"{free / 1024**3:.1f} GiB", fix)


def _file_system(settings: Settings) -> Finding:
    kind = "unknown"
    longest = ""
    try:
        with open("/proc/mounts", encoding="utf-8") as mounts:  # noqa: PTH123
            for line in mounts:
                _, point, name, *_ = line.split()
                inside = str(settings.data).startswith(point.rstrip("/") + "/") or point == "/"
                if inside and len(point) >= len(longest):
                    longest, kind = point, name
    except OSError:
        pass  # not Linux: nothing to read
    ok = kind not in _NETWORK
    fix = "" if ok else "move RELABEL_DATA to a local disk: SQLite's WAL needs one host"
    return Finding("file system", ok, kind, fix)


def _jobs(engine: Engine) -> Finding:
    with reading(engine) as session:
        lost = stale_jobs(session=session)
    fix = "" if not lost else "open the app, or run any training: they are marked interrupted"
    found = "none lost" if not lost else f"jobs without a process: {lost}"
    return Finding("jobs", not lost, found, fix)


def _groups(engine: Engine) -> Finding:
    with reading(engine) as session:
        members = select(func.count()).where(Tweet.group_id == DuplicateGroup.id).scalar_subquery()
        query = select(func.count()).select_from(DuplicateGroup)
        wrong = session.scalar(query.where(DuplicateGroup.size != members)) or 0
    fix = "" if not wrong else "import any file again: sizes are counted anew"
    return Finding("duplicate groups", not wrong, f"{wrong} with a wrong size", fix)


def _models(engine: Engine, settings: Settings) -> Finding:
    bad = []
    with reading(engine) as session:
        for version in session.scalars(select(ModelVersion)):
            manifest = settings.data / version.directory / "manifest.json"
            if not manifest.is_file():
                bad.append(f"version {version.number}: no manifest")
            elif hashlib.sha256(manifest.read_bytes()).hexdigest() != version.manifest_sha256:
                bad.append(f"version {version.number}: manifest changed")
        total = session.scalar(select(func.count()).select_from(ModelVersion)) or 0
    fix = "" if not bad else "promote another version, or train again"
    return Finding("models", not bad, "; ".join(bad) or f"{total} with their manifests", fix)
