import pytest
from sqlalchemy import Engine, Table, select
from sqlalchemy.dialects import postgresql, sqlite

from db.schema import DuplicateGroup, Project
from db.sessions import writing
from db.upsert import insert_for, insert_missing, insert_or_find

GROUPS = DuplicateGroup.metadata.tables["duplicate_group"]
PROJECTS: Table = Project.metadata.tables["project"]


def group(project_id: int, key: str, split: str) -> dict[str, object]:
    return {"project_id": project_id, "key": key, "split": split}


def test_rows_whose_key_is_taken_are_left_as_they_are(engine: Engine, project_id: int) -> None:
    key = ("project_id", "key")
    with writing(engine) as session:
        insert_missing(GROUPS, [group(project_id, "a", "train")], session=session, key=key)
        rows = [group(project_id, "a", "test"), group(project_id, "b", "test")]
        insert_missing(GROUPS, rows, session=session, key=key)
        insert_missing(GROUPS, [], session=session, key=key)
        stored = session.execute(select(DuplicateGroup.key, DuplicateGroup.split)).all()
    assert stored == [("a", "train"), ("b", "test")]


def test_a_row_is_inserted_once_and_found_afterwards(engine: Engine) -> None:
    with writing(engine) as session:
        first = insert_or_find(PROJECTS, {"name": "one"}, session=session, key="name")
        again = insert_or_find(PROJECTS, {"name": "one"}, session=session, key="name")
    assert first == (again[0], True)
    assert again[1] is False


@pytest.mark.parametrize("dialect", [sqlite.dialect(), postgresql.dialect()])
def test_the_statement_is_worded_for_both_databases(dialect: object) -> None:
    statement = insert_for(GROUPS, dialect.name).on_conflict_do_nothing(index_elements=["split"])
    assert "ON CONFLICT (split) DO NOTHING" in str(statement.compile(dialect=dialect))
