"""The schema's revisions that this program knows."""

from pathlib import Path

from alembic.script import ScriptDirectory

MIGRATIONS = Path(__file__).parent / "migrations"


def known_revisions() -> set[str]:
    """Return the name of each."""
    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}


def newer(found: str) -> str:
    """Return what to tell people of a database with a revision that is not known."""
    return (
        f"the database has schema {found}, which this version of Relabel does not know; "
        "start the newer version that made it, or restore an older backup"
    )
