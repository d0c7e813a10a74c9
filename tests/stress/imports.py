"""An empty project for importing tests, and what became of a file in it."""

from pathlib import Path

from sqlalchemy import Engine, select

from db.engine import make_engine
from db.migrate import upgrade
from db.schema import ImportReject, Tweet
from db.sessions import reading, writing
from labeling.creating import create_project
from labeling.errors import ImportRefused
from labeling.importing import ImportReport, import_file

HEADER = "sentiment,message,tweetid\n"


def climate_store(directory: Path) -> Engine:
    """Make a project from the climate template in a fresh store."""
    engine = make_engine(f"sqlite:///{directory / 'relabel.db'}")
    upgrade(engine)
    with writing(engine) as session:
        create_project("climate", session=session, template="climate")
    return engine


def bring(
    content: bytes, path: Path, engine: Engine, encoding: str | None = None
) -> ImportReport | ImportRefused:
    """Import bytes; return the report, or the refusal."""
    path.write_bytes(content)
    try:
        return import_file(path, engine=engine, project_name="climate", encoding=encoding)
    except ImportRefused as refused:
        return refused


def texts_of(engine: Engine) -> dict[str, str]:
    """Return the texts by external id."""
    with reading(engine) as session:
        return dict(session.execute(select(Tweet.external_id, Tweet.text)).all())


def rejects_of(engine: Engine) -> list[tuple[int, str]]:
    """Return line and reason of each row that was refused."""
    with reading(engine) as session:
        query = select(ImportReject.line, ImportReject.reason).order_by(ImportReject.id)
        return [(row[0], row[1]) for row in session.execute(query)]
