"""`python -m labeling`: create, import, regroup, prelabel, status, export on the command line.

Standard output carries the result, progress goes to standard error. Exit codes: 0 done,
1 refused or failed, 2 wrong use.
"""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from db.command_line import Parser, ProgressLine, add_json, run_command, say
from db.engine import make_engine
from db.migrate import require_current, upgrade
from db.outputs import output_file
from db.projects import get_project
from db.sessions import reading, writing
from db.settings import Settings
from labeling.columns import ColumnWish
from labeling.creating import create_project
from labeling.decoding import ENCODINGS
from labeling.errors import ImportRefused, LabelingError
from labeling.export_rows import ROWS
from labeling.exporting import FORMATS, export
from labeling.importing import import_file
from labeling.label_files import read_labels
from labeling.regrouping import regroup
from labeling.rejects import first_rejects, write_rejects
from labeling.status import status
from labeling.templates import TEMPLATES
from trainer.errors import TrainerError

_SHOWN_REJECTS = 5

Result = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = _parser().parse_args(arguments)

    def command(given: argparse.Namespace) -> Result:
        settings = Settings.from_environment()
        result: Result = given.run(given, settings, make_engine(settings.database_url))
        return result

    return run_command(command, given, show=_sentence, expected=(LabelingError, TrainerError))


def _create(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    labels = read_labels(given.labels) if given.labels else ()
    template = None if given.labels else given.template or "climate"
    upgrade(engine)
    with writing(engine) as session:
        project = create_project(given.project, session=session, template=template, labels=labels)
        return {"project": project.name, "template": template, "id": project.id}


def _import(given: argparse.Namespace, settings: Settings, engine: Engine) -> Result:
    rejects = _place_of_rejects(given, settings)
    upgrade(engine)
    report = import_file(
        given.file,
        engine=engine,
        project_name=given.project,
        columns=ColumnWish(given.text_column, given.id_column, given.label_column),
        on_progress=ProgressLine("MB", scale=1e-6),
        encoding=given.encoding,
    )
    with reading(engine) as session:
        if report.rejected:
            _show_rejects(report.batch_id, report.rejected, session=session)
        if rejects is not None:
            write_rejects(rejects, report.batch_id, session=session)
    if report.rounded_ids * 100 > report.accepted:
        say(
            f"{report.rounded_ids:,} ids end in 000: a spreadsheet may have rounded them; "
            "compare with the original"
        )
    if report.merged:
        say(
            f"{report.merged:,} tweets carry a merged label; they count for the label that it was "
            "merged into"
        )
    return report.to_json()


def _place_of_rejects(given: argparse.Namespace, settings: Settings) -> Path | None:
    """Where refused rows are to be written; asked before anything is stored."""
    if given.rejects is None:
        return None
    file = output_file(given.rejects, settings.database_url)
    if file == given.file.resolve():
        raise ImportRefused(f"{given.rejects} is the file to import; give --rejects another name")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ImportRefused(f"{given.rejects} cannot be written; give --rejects another name")
    return file


def _show_rejects(batch_id: int, count: int, *, session: Any) -> None:
    for reject in first_rejects(batch_id, session=session, limit=_SHOWN_REJECTS):
        column = f", column {reject.column!r}" if reject.column else ""
        say(f"refused: line {reject.line}{column}: {reject.reason}")
    if count > _SHOWN_REJECTS:
        say(f"… and {count - _SHOWN_REJECTS:,} more; --rejects FILE writes them all")


def _prelabel(given: argparse.Namespace, settings: Settings, engine: Engine) -> Result:
    from labeling.prelabel import prelabel  # brings the model along: seconds to load

    require_current(engine)
    result: Result = prelabel(engine, settings, given.project, ProgressLine("tweets"))
    return result


def _regroup(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    require_current(engine)
    report = regroup(engine, given.project, on_progress=ProgressLine("groups"))
    if report.kept_apart:
        say(
            f"{report.kept_apart:,} texts are like those of a group in another split and were "
            "left alone: no tweet changes its split"
        )
    return report.to_json()


def _status(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    require_current(engine)
    with reading(engine) as session:
        return status(get_project(given.project, session=session), session=session).to_json()


def _export(given: argparse.Namespace, _settings: Settings, engine: Engine) -> Result:
    require_current(engine)
    if given.raw and given.format == "csv":
        say("raw: texts that begin like a formula will run as one in a spreadsheet")
    return export(
        given.file,
        engine=engine,
        project_name=given.project,
        format=given.format,
        rows=given.rows,
        raw=given.raw,
        on_progress=ProgressLine("rows"),
    ).to_json()


def _sentence(result: Mapping[str, Any]) -> str:
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            told = (f"{key.replace('_', ' ')} {_figure(one)}" for key, one in value.items())
            value = ", ".join(told) or "none"
        elif isinstance(value, int) and not isinstance(value, bool) and not name.endswith("id"):
            value = f"{value:,}"
        elif isinstance(value, float):
            value = f"{value:,.1f}"
        lines.append(f"{name.replace('_', ' ')}: {'none' if value is None else value}")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:,}"


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m labeling", description="Bring tweets in, pre-label them, take labels out."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

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

    bring = _command(commands, "import", _import, "bring a CSV file, or JSON lines, into a project")
    bring.add_argument(
        "file", type=Path, metavar="FILE", help="a CSV file with a header, or a JSON object a line"
    )
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

    _add_project(
        _command(commands, "regroup", _regroup, "group again what an older version brought in")
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
    add_json(parser)
    parser.set_defaults(run=run)
    return parser


def _add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", required=True, metavar="P", help="name of the project")
