"""`python -m labeling`: create, import, prelabel, status and export from the command line.

Standard output carries the result, progress goes to standard error. Exit codes: 0 done,
1 refused or failed, 2 wrong use.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from db.engine import make_engine
from db.errors import StoreError
from db.migrate import require_current, upgrade
from db.projects import get_project
from db.sessions import reading, writing
from db.settings import Settings
from labeling.columns import ColumnWish
from labeling.creating import create_project
from labeling.csv_reading import ENCODINGS
from labeling.errors import LabelingError
from labeling.export_rows import ROWS
from labeling.exporting import FORMATS, export
from labeling.importing import import_file
from labeling.label_files import read_labels
from labeling.rejects import first_rejects, write_rejects
from labeling.status import status
from labeling.templates import TEMPLATES
from trainer.errors import TrainerError

DONE, FAILED = 0, 1
_SHOWN_REJECTS = 5

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environment()
        result = given.run(given, settings, make_engine(settings.database_url))
    except (LabelingError, StoreError, TrainerError) as error:
        return _fail(str(error))
    except OperationalError as error:
        return _fail(f"the database cannot be used: {error.orig}")
    except OSError as error:
        return _fail(f"{error.filename or 'a file'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return _fail("stopped; run the same command again to go on")
    print(json.dumps(result, ensure_ascii=False) if given.json else _sentence(result))
    return DONE


def _create(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    labels = read_labels(given.labels) if given.labels else ()
    template = None if given.labels else given.template or "climate"
    upgrade(engine)
    with writing(engine) as session:
        project = create_project(given.project, session=session, template=template, labels=labels)
        return {"project": project.name, "template": template, "id": project.id}


def _import(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    upgrade(engine)
    report = import_file(
        given.file,
        engine=engine,
        project_name=given.project,
        columns=ColumnWish(given.text_column, given.id_column, given.label_column),
        on_progress=Progress("MB", scale=1e-6),
        encoding=given.encoding,
    )
    with reading(engine) as session:
        if report.rejected:
            _show_rejects(report.batch_id, report.rejected, session=session)
        if given.rejects:
            write_rejects(given.rejects, report.batch_id, session=session)
    if report.rounded_ids * 100 > report.accepted:
        _say(
            f"{report.rounded_ids:,} ids end in 000: a spreadsheet may have rounded them; "
            "compare with the original"
        )
    return report.to_json()


def _show_rejects(batch_id: int, count: int, *, session: Any) -> None:
    for reject in first_rejects(batch_id, session=session, limit=_SHOWN_REJECTS):
        column = f", column {reject.column!r}" if reject.column else ""
        _say(f"refused: line {reject.line}{column}: {reject.reason}")
    if count > _SHOWN_REJECTS:
        _say(f"… and {count - _SHOWN_REJECTS:,} more; --rejects FILE writes them all")


def _prelabel(given: argparse.Namespace, settings: Settings, engine: Engine) -> Result:
    from labeling.prelabel import prelabel  # brings the model along: seconds to load

    require_current(engine)
    result: Result = prelabel(engine, settings, given.project, Progress("tweets"))
    return result


def _status(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    require_current(engine)
    with reading(engine) as session:
        return status(get_project(given.project, session=session), session=session).to_json()


def _export(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    require_current(engine)
    if given.raw and given.format == "csv":
        _say("raw: texts that begin like a formula will run as one in a spreadsheet")
    return export(
        given.file,
        engine=engine,
        project_name=given.project,
        format=given.format,
        rows=given.rows,
        raw=given.raw,
        on_progress=Progress("rows"),
    ).to_json()


class Progress:
    """Writes how far a command is to standard error, every two seconds. scale: per unit shown."""

    def __init__(self, unit: str, *, scale: float = 1.0) -> None:
        self._unit = unit
        self._scale = scale
        self._started = self._last = time.monotonic()

    def __call__(self, done: int, total: int, message: str = "") -> None:
        """Show `done` of `total`, and what is being done."""
        moment = time.monotonic()
        if moment - self._last < 2 or not total:
            return
        self._last = moment
        shown = ".1f" if self._scale < 1 else ".0f"
        left = (moment - self._started) * (total - done) / max(done, 1)
        _say(
            f"{done / total:4.0%}  {done * self._scale:,{shown}} of {total * self._scale:,{shown}} "
            f"{self._unit}, about {left:.0f} s left{f' ({message})' if message else ''}"
        )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(message: str) -> int:
    _say("error: " + " ".join(message.split()))
    return FAILED


def _sentence(result: Result) -> str:
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {count:,}" for key, count in value.items()) or "none"
        elif isinstance(value, int) and not isinstance(value, bool) and not name.endswith("id"):
            value = f"{value:,}"
        elif isinstance(value, float):
            value = f"{value:,.1f}"
        lines.append(f"{name.replace('_', ' ')}: {'none' if value is None else value}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m labeling", description="Bring tweets in, pre-label them, take labels out."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    create = _command(commands, "create", _create, "make a project")
    create.add_argument("project", metavar="PROJECT", help="name of the new project")
    source = create.add_mutually_exclusive_group()
    source.add_argument(
        "--template", choices=sorted(TEMPLATES), help="label set to start from (default: climate)"
    )
    source.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="own labels: a CSV or JSON file with value, name, description, hotkey, color",
    )

    bring = _command(commands, "import", _import, "bring a CSV file into a project")
    bring.add_argument("file", type=Path, metavar="FILE", help="the CSV file, with a header")
    _add_project(bring)
    for role, example in (("text", "message"), ("id", "tweetid"), ("label", "sentiment")):
        bring.add_argument(
            f"--{role}-column",
            metavar="NAME",
            help=f"column of the {role}, such as {example}; guessed from the header if left out",
        )
    bring.add_argument(
        "--encoding", choices=ENCODINGS, help="encoding of the file, if it is not UTF-8"
    )
    bring.add_argument(
        "--rejects", type=Path, metavar="FILE", help="write the rows that were refused to FILE"
    )

    _add_project(_command(commands, "prelabel", _prelabel, "let the current model suggest labels"))
    _add_project(_command(commands, "status", _status, "show where a project stands"))

    _add_export(commands)
    return parser


def _add_export(commands: Any) -> None:
    take = _command(commands, "export", _export, "write tweets and labels to a file")
    take.add_argument("file", type=Path, metavar="FILE", help="the file to write or replace")
    _add_project(take)
    take.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
    take.add_argument(
        "--rows",
        choices=ROWS,
        default="gold",
        help="gold: labelled tweets (default); predicted: only suggested so far; all: every tweet",
    )
    take.add_argument(
        "--raw", action="store_true", help="do not protect texts that begin like a formula"
    )


def _command(
    commands: Any,
    name: str,
    run: Callable[[argparse.Namespace, Settings, Engine], Result],
    help: str,
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help, description=f"{help[0].upper()}{help[1:]}."
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", required=True, metavar="P", help="name of the project")
