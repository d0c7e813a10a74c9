import dataclasses

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from db.errors import ConflictError
from db.schema import Annotator, Base
from labeling.errors import PermissionRefused
from labeling.people import Person, list_people, update_people


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as opened:
        opened.add_all([Annotator(name="Ada", role="admin"), Annotator(name="Ben")])
        opened.flush()
        yield opened
    engine.dispose()


def _person(name: str, session: Session) -> Person:
    return next(one for one in list_people(session=session) if one.name == name)


def test_a_role_is_given(session: Session) -> None:
    ben = dataclasses.replace(_person("Ben", session), role="reviewer")
    assert update_people([ben], session=session) == 1
    assert _person("Ben", session).role == "reviewer"


def test_what_did_not_change_is_not_counted(session: Session) -> None:
    assert update_people(list_people(session=session), session=session) == 0


def test_an_unknown_role_is_refused(session: Session) -> None:
    ben = dataclasses.replace(_person("Ben", session), role="king")
    with pytest.raises(PermissionRefused, match="king"):
        update_people([ben], session=session)


@pytest.mark.parametrize("change", [{"role": "annotator"}, {"active": False}])
def test_one_active_admin_always_stays(change: dict, session: Session) -> None:
    ada = dataclasses.replace(_person("Ada", session), **change)
    with pytest.raises(PermissionRefused, match="admin"):
        update_people([ada], session=session)


def test_only_who_was_changed_against_what_was_shown_is_changed(session: Session) -> None:
    shown = list_people(session=session)
    session.add(Annotator(name="Bea"))
    session.scalars(select(Annotator).where(Annotator.name == "Ben")).one().role = "reviewer"
    session.flush()
    assert update_people(shown, shown=shown, session=session) == 0
    assert _person("Ben", session).role == "reviewer"


def test_who_was_changed_by_somebody_else_since_is_not_overwritten(session: Session) -> None:
    shown = list_people(session=session)
    wanted = [dataclasses.replace(one, active=one.name != "Ben") for one in shown]
    session.scalars(select(Annotator).where(Annotator.name == "Ben")).one().role = "reviewer"
    session.flush()
    with pytest.raises(ConflictError, match="changed Ben in the meantime"):
        update_people(wanted, shown=shown, session=session)
