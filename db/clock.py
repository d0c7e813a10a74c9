"""The time that claims and jobs go by: it does not jump when somebody sets a clock.

PostgreSQL: the server's clock, one for all machines. SQLite, whose processes share one machine:
the seconds since the machine was started, which nobody can set, added to a moment noted at the
first use after each start. Times that people see are the ordinary clock's (db.types.now).
"""

import time
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.engine import WRITES
from db.schema import Boot
from db.types import now
from db.upsert import insert_missing

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STARTED: dict[tuple[str, str], datetime] = {}


def steady(session: Session) -> datetime:
    """Return the moment by which leases are given and run out."""
    if session.get_bind().dialect.name == "postgresql":
        moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return moment.astimezone(UTC)
    boot = boot_id()
    if not boot:
        return now()  # not Linux: the ordinary clock is all there is
    return _started(boot, session) + timedelta(seconds=uptime())


@cache
def boot_id() -> str:
    """Return what names this start of the machine, nothing where the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def uptime() -> float:
    """Return the seconds since the machine was started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _started(boot: str, session: Session) -> datetime:
    """Return when the machine was started, by the clock as it stood at the first use."""
    place = (str(session.get_bind().engine.url), boot)
    if place in _STARTED:
        return _STARTED[place]
    query = select(Boot.started_at).where(Boot.boot_id == boot)
    noted = session.scalar(query)
    if noted is not None:
        _STARTED[place] = noted
        return noted
    started = now() - timedelta(seconds=uptime())
    if session.connection().get_execution_options().get(WRITES):
        row = {"boot_id": boot, "started_at": started}
        insert_missing(Boot.metadata.tables["boot"], [row], session=session, key=["boot_id"])
    return started  # remembered only once another transaction finds it committed
