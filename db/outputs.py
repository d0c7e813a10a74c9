"""Files that commands write: none that the store keeps, and no device."""

from pathlib import Path

from sqlalchemy import make_url

from db.errors import OutputRefused

_BESIDE_DATABASE = ("", "-wal", "-shm", "-journal")


def output_file(path: Path, url: str) -> Path:
    """Return the file that writing to `path` makes or replaces; links are followed.

    url: the database's, whose files are not to be replaced. Raises OutputRefused.
    """
    file = path.resolve()
    if file.is_dir():
        raise OutputRefused(f"{path} is a directory; give the name of a file in it")
    if file.exists() and not file.is_file():
        raise OutputRefused(f"{path} is no ordinary file; give the name of a new one")
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        database = Path(parsed.database).resolve()
        if file in {database.with_name(database.name + suffix) for suffix in _BESIDE_DATABASE}:
            raise OutputRefused(f"{path} is the database in use; give the name of a new file")
    return file


def free_name(path: Path) -> Path:
    """Return `path`, or with a number behind it where something of that name exists."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found
