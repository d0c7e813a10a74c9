"""Logs as JSON lines, one object a line, in files that do not grow without end."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

LARGEST, KEPT = 5 * 2**20, 5


class JsonLines(logging.Formatter):
    """time, level, logger, message; `about` (say {"job": 7}); the traceback where there is one."""

    def __init__(self, about: dict[str, Any] | None = None) -> None:
        super().__init__()
        self._about = about or {}

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        facts: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **self._about,
            "message": record.getMessage(),
        }
        if record.exc_info:
            facts["traceback"] = self.formatException(record.exc_info)
        return json.dumps(facts, ensure_ascii=False, default=str)


def log_to_file(path: Path) -> None:
    """Write what our own code logs to a file that is turned over at 5 MiB, five kept.

    For one process at a time. A file that was named before is let go; the same one stays.
    """
    logger = logging.getLogger("relabel")
    for handler in list(logger.handlers):
        if isinstance(handler, RotatingFileHandler):
            if Path(handler.baseFilename) == path:
                return
            logger.removeHandler(handler)
            handler.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8")
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def log_to_stderr(about: dict[str, Any]) -> None:
    """Write all logs of this process to stderr; `about` stands in each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(about))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
