"""`python -m db check`: is this installation sound, and what to do where it is not."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DBAPIError

from db.engine import WRITES, has_wal_reset_bug, sqlite_module
from db.jobs import stale_jobs
from db.migrate import head, revision
from db.schema import DuplicateGroup, Job, ModelVersion, Tweet
from db.sessions import reading
from db.settings import Settings

FREE_SPACE = 2 * 1024**3
LEAST_FREE = 64 * 2**20  # enough for people's answers of months
_UPLOAD_KEPT_SECONDS = 86_400.0
MOUNTS = Path("/proc/mounts")
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
    unreadable = _unreadable(engine)
    if unreadable is not None:
        return _report([unreadable, _free_space(settings), _file_system(settings)])
    looks: list[Callable[[], Finding]] = [
        lambda: _schema(engine),
        lambda: _free_space(settings),
        lambda: _file_system(settings),
        lambda: _jobs(engine),
        lambda: _groups(engine),
        lambda: _models(engine, settings),
        lambda: _orphans(engine, settings),
    ]
    if engine.dialect.name == "sqlite":
        looks = [_sqlite_version, lambda: _pragmas(engine), lambda: _integrity(engine), *looks]
    findings: list[Finding] = []
    for look in looks:
        findings.append(look())
        if findings[-1].name == "schema" and not findings[-1].ok:
            break  # the rest would ask for tables that are not there
        if findings[-1].name == "integrity" and not findings[-1].ok:
            break  # nor can damaged ones be asked
    return _report(findings)


def _report(findings: list[Finding]) -> dict[str, Any]:
    return {
        "ok": all(finding.ok for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }


def _unreadable(engine: Engine) -> Finding | None:
    """Tell why the database cannot be asked anything, None where it can."""
    try:
        revision(engine)
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        return Finding("database", False, reason, _what_to_do(engine, reason))
    return None


def _what_to_do(engine: Engine, reason: str) -> str:
    if engine.dialect.name != "sqlite":
        return "start the database server, and look at RELABEL_DATABASE_URL"
    if "readonly" in reason:
        return "let this user write to RELABEL_DATA and the files in it"
    if "locked" in reason:
        return "wait for what writes just now, then check again"
    if "unable to open" in reason:
        return "let this user read and write the file; it must be no directory"
    return "stop the app, then restore the newest backup: python -m db restore FILE"


def health(engine: Engine, settings: Settings) -> dict[str, Any]:
    """Tell in milliseconds whether people can work: the database answers, and can be written.

    For watchdogs; `check` looks at everything.
    """
    started = time.perf_counter()
    try:
        found = revision(engine)
        with engine.execution_options(**{WRITES: True}).begin():
            pass  # a writer's place in the queue was free within the time to wait
        problem = "" if found == head() else f"schema {found or 'none'}, not {head()}"
    except DBAPIError as error:
        problem = " ".join(str(error.orig).split())
    if not problem and _free(settings) < LEAST_FREE:
        problem = f"only {_free(settings) // 2**20} MiB are free on the disk"
    milliseconds = round(1000 * (time.perf_counter() - started), 1)
    return {"ok": not problem, "problem": problem, "milliseconds": milliseconds}


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
    try:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check").scalar())
            strays = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    except DBAPIError as error:  # so damaged that it cannot be walked through
        found, strays = " ".join(str(error.orig).split()), []
    if strays:
        found = f"{len(strays)} rows point nowhere"
    ok = found == "ok"
    return Finding("integrity", ok, found, "" if ok else _what_to_do(engine, found))


def _schema(engine: Engine) -> Finding:
    found = revision(engine)
    ok = found == head()
    return Finding("schema", ok, found or "none", "" if ok else "python -m db upgrade")


def _free_space(settings: Settings) -> Finding:
    free = _free(settings)
    ok = free >= FREE_SPACE
    fix = "" if ok else f"free some space: training needs about {FREE_SPACE / 1024**3:.0f} GiB"
    return Finding("free space", ok, f"{free / 1024**3:.1f} GiB", fix)


def _free(settings: Settings) -> int:
    place = next(path for path in (settings.data, *settings.data.parents) if path.exists())
    return shutil.disk_usage(place).free


def _file_system(settings: Settings) -> Finding:
    kind = "unknown"
    longest = ""
    try:
        with MOUNTS.open(encoding="utf-8") as mounts:
            for line in mounts:
                _, point, name, *_ = line.split()
                inside = f"{settings.data}/".startswith(point.rstrip("/") + "/")
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
        versions = session.scalars(select(ModelVersion).order_by(ModelVersion.id)).all()
    for version in versions:
        wrong = _wrong_file(settings.data / version.directory, version.manifest_sha256)
        if wrong:
            bad.append(f"version {version.number}: {wrong}")
    fix = "" if not bad else "restore its directory from a backup, or promote another version"
    return Finding("models", not bad, "; ".join(bad) or f"{len(versions)} as published", fix)


def _wrong_file(directory: Path, manifest_sha256: str) -> str:
    """Return what is wrong with a model's files, byte by byte; nothing where all is well."""
    manifest = directory / "manifest.json"
    if not manifest.is_file():
        return "no manifest"
    if _sha256(manifest) != manifest_sha256:
        return "manifest changed"
    for name, entry in json.loads(manifest.read_bytes())["files"].items():
        file = directory / name
        if not file.is_file():
            return f"{name} is missing"
        if _sha256(file) != entry["sha256"]:
            return f"{name} changed"
    return ""


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _orphans(engine: Engine, settings: Settings) -> Finding:
    """Look for what killed processes left: no harm, but space."""
    with reading(engine) as session:
        known = {Path(name).name for name in session.scalars(select(ModelVersion.directory))}
        busy = session.scalars(select(Job.id).where(Job.state.in_(("queued", "running")))).all()
    if busy:
        return Finding("left-over files", True, "not looked for while jobs wait or run")
    found = [path for path in settings.models.glob("*") if path.name not in known]
    found += [path for path in settings.uploads.glob("*") if _is_old(path)]
    found += list(settings.exports.glob(".*.part"))
    shown = ", ".join(str(path.relative_to(settings.data)) for path in found[:5])
    fix = "" if not found else "delete them; a training removes those under models/ by itself"
    return Finding("left-over files", not found, f"{len(found)} {shown}".strip(), fix)


def _is_old(path: Path) -> bool:
    return path.stat().st_mtime < time.time() - _UPLOAD_KEPT_SECONDS
