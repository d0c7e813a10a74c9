"""Where things are kept, read once from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

from db.errors import InvalidSettingError

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class Settings:
    """Paths and URLs of one installation.

    data: directory for database, models, logs, caches and uploads.
    database_url: an SQLAlchemy URL.
    engine: what starts jobs, `local` or `ray`.
    """

    data: Path
    database_url: str
    engine: str

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InvalidSettingError(
                f"RELABEL_ENGINE is {self.engine!r}; it must be one of {', '.join(ENGINES)}"
            )

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read RELABEL_DATA, RELABEL_DATABASE_URL and RELABEL_ENGINE."""
        data = Path(os.environ.get("RELABEL_DATA") or "data").resolve()
        if "?" in str(data):  # in an address of a database settings begin there
            raise InvalidSettingError(
                f"RELABEL_DATA is {str(data)!r}: its path may not hold a question mark; "
                "choose another directory"
            )
        default_url = f"sqlite:///{data / 'relabel.db'}"
        return cls(
            data=data,
            database_url=os.environ.get("RELABEL_DATABASE_URL") or default_url,
            engine=os.environ.get("RELABEL_ENGINE") or "local",
        )

    @property
    def models(self) -> Path:
        """Directory of the model versions' artefacts."""
        return self.data / "models"

    @property
    def runs(self) -> Path:
        """Directory of checkpoints and data snapshots, one folder a run."""
        return self.data / "runs"

    @property
    def logs(self) -> Path:
        """Directory of log files, one a job."""
        return self.data / "logs"

    @property
    def cache(self) -> Path:
        """Directory of what can be computed again, such as embeddings."""
        return self.data / "cache"

    @property
    def uploads(self) -> Path:
        """Directory of uploaded files, kept under names made by the server."""
        return self.data / "uploads"

    @property
    def exports(self) -> Path:
        """Directory of exported files waiting to be downloaded."""
        return self.data / "exports"
