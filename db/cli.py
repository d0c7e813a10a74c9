"""`python -m db …`: upgrade, check, backup, restore, user."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from db.backup import backup, restore
from db.command_line import Parser, add_json, run_command
from db.doctor import check, health
from db.engine import make_engine
from db.migrate import revision, upgrade
from db.settings import Settings
from db.user_commands import add_user_commands

Result = Mapping[str, Any]
FILES = {"backup": "the file to write", "restore": "the backup to put back"}


def upgrade_command(_arguments: argparse.Namespace) -> Result:
    """Bring the database to the schema of this program; a backup is taken first."""
    settings = Settings.from_environment()
    engine = make_engine(settings.database_url)
    before = revision(engine)
    kept: list[Path] = []
    reached = upgrade(engine, on_backup=kept.append)
    return {"before": before, "schema": reached, "backup": str(kept[0]) if kept else None}


def check_command(_arguments: argparse.Namespace) -> Result:
    """Look at database, disk, jobs and models; say what to do about each fault."""
    settings = Settings.from_environment()
    return check(make_engine(settings.database_url), settings)


def health_command(_arguments: argparse.Namespace) -> Result:
    """Tell at once whether the database answers and takes writes; for watchdogs."""
    settings = Settings.from_environment()
    return health(make_engine(settings.database_url), settings)


def backup_command(arguments: argparse.Namespace) -> Result:
    """Write a checked copy of the database, also while people answer."""
    return backup(Settings.from_environment().database_url, arguments.file)


def restore_command(arguments: argparse.Namespace) -> Result:
    """Put a backup in the database's place, which is kept beside it; stop the app first."""
    return restore(Settings.from_environment().database_url, arguments.file)


def _show_check(result: Result) -> str:
    lines = []
    for finding in result["findings"]:
        mark = "ok " if finding["ok"] else "BAD"
        fix = f" -> {finding['fix']}" if finding["fix"] else ""
        lines.append(f"{mark} {finding['name']}: {finding['found']}{fix}")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m db", description="Look after the store.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, function, show in (
        ("upgrade", upgrade_command, lambda result: f"the database has schema {result['schema']}"),
        ("check", check_command, _show_check),
        ("health", health_command, lambda result: result["problem"] or "well"),
        ("backup", backup_command, lambda result: f"backed up to {result['path']}"),
        ("restore", restore_command, lambda result: f"restored {result['path']}"),
    ):
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        if name in FILES:
            command.add_argument("file", type=Path, metavar="FILE", help=FILES[name])
        add_json(command)
        command.set_defaults(function=function, show=show)
    add_user_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    chosen = _parser().parse_args(arguments)
    return run_command(chosen.function, chosen, show=chosen.show)
