from datetime import UTC, date, datetime

import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db.schema import AuditEntry
from db.sessions import writing
from labeling.pages.parts import audit_table


def test_an_admin_sees_who_did_what(project: int, open_page: Opener) -> None:
    at = open_page("settings", settings_part="Log")
    assert not at.exception
    table = at.dataframe[0].value
    assert "create project" in set(table["Act"])
    assert "entries." in words(at)
    assert not table["What"].str.contains("[{}]", regex=True).any()
    at.selectbox(key="settings_log_kind").set_value("import").run()
    assert set(at.dataframe[0].value["Act"]) == {"import"}


def test_days_of_the_log_are_those_of_the_times_that_it_shows(
    project: int, open_page: Opener, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_table, "time_zone", lambda: "Pacific/Auckland")
    with writing(engine) as session:
        for entry in session.scalars(select(AuditEntry)):
            entry.created_at = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)  # noon of the 2nd there
    at = open_page("settings", settings_part="Log")
    every = len(at.dataframe[0].value)
    for day, found in ((1, 0), (2, every), (3, 0)):
        for key in ("settings_log_from", "settings_log_to"):
            at.date_input(key=key).set_value(date(2026, 11, day))
        at.run()
        assert not at.exception
        assert len(at.dataframe[0].value) == found


@pytest.mark.parametrize("person", ["Ben"])
def test_the_log_is_closed_to_others(person: str, project: int, open_page: Opener) -> None:
    at = open_page("settings", person, settings_part="Log")
    assert "The log is for admins" in words(at)
    assert not at.dataframe
