"""The audit log: what is in it, who reads it, how it is narrowed, what its file holds."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from db.projects import get_or_add_annotator, get_project
from db.schema import Annotator, AuditEntry
from db.sessions import reading, writing
from db.types import now
from labeling import audit_log, creating, people
from labeling.audit_log import LogWish
from labeling.errors import PermissionRefused


@pytest.fixture
def admin(engine: Engine, climate: str) -> int:
    """Ada did this and that, the command line too."""
    with writing(engine) as session:
        ada = get_or_add_annotator("=Ada", session=session, role="admin")
        ben = get_or_add_annotator("Ben", session=session)
        project = get_project(climate, session=session)
        creating.set_guidelines(project, "new ones", session=session, annotator_id=ada.id)
        creating.update_settings(project, {"overlap": 2}, session=session, annotator_id=ada.id)
        promoted = people.Person(ben.id, "Ben", "reviewer", True)
        people.update_people([promoted], session=session, annotator_id=ada.id)
        old = AuditEntry(action="export", subject="=cmd|x", created_at=now() - timedelta(days=9))
        session.add(old)
        return ada.id


def read(engine: Engine, viewer: int, **wish: object) -> list[str]:
    with reading(engine) as session:
        who = session.get_one(Annotator, viewer)
        return [one.action for one in audit_log.entries(LogWish(**wish), who, session=session)]


def test_the_newest_come_first_and_can_be_narrowed(engine: Engine, admin: int) -> None:
    everything = read(engine, admin)
    assert everything[1:4] == ["change account", "change settings", "set guidelines"]
    assert read(engine, admin, action="export") == ["export"]
    assert read(engine, admin, annotator_id=admin) == everything[1:4]
    assert set(read(engine, admin, annotator_id=0)) == {"create project", "export"}
    day = now() - timedelta(days=1)
    assert "export" not in read(engine, admin, since=day)
    assert read(engine, admin, until=day) == ["export"]


def test_a_change_of_role_says_before_and_after(engine: Engine, admin: int) -> None:
    with reading(engine) as session:
        query = select(AuditEntry).where(AuditEntry.action == "change account")
        entry = session.scalars(query).one()
    assert entry.subject == "Ben"
    assert entry.detail == {"role": {"before": "annotator", "after": "reviewer"}}


def test_no_cell_of_the_file_runs_in_a_spreadsheet(engine: Engine, admin: int) -> None:
    with reading(engine) as session:
        who = session.get_one(Annotator, admin)
        text = audit_log.write_csv(LogWish(), who, session=session)
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == list(audit_log.COLUMNS)
    assert len(rows) == 1 + len(read(engine, admin))
    cells = [cell for row in rows for cell in row]
    assert "'=Ada" in cells
    assert "'=cmd|x" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_only_admins_read_it(engine: Engine, admin: int) -> None:
    with reading(engine) as session:
        ben = session.scalars(select(Annotator).where(Annotator.name == "Ben")).one()
        for function in (audit_log.entries, audit_log.write_csv):
            with pytest.raises(PermissionRefused):
                function(LogWish(), ben, session=session)
