"""What every command of Relabel has in common: JSON on stdout, words on stderr, exit codes.

0 done, 1 failed, 2 wrong use. A refusal is one line on stderr; no traceback reaches a user.
"""

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from sqlalchemy.exc import DBAPIError

from db.errors import StoreError

log = logging.getLogger("relabel.command")

Command = Callable[[argparse.Namespace], Mapping[str, Any]]


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusals are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and where the help is; exit 2."""
        sys.stderr.write(f"{self.prog}: {message} (see {self.prog} --help)\n")
        sys.exit(2)


def say(message: str) -> None:
    """Tell the person something on stderr."""
    sys.stderr.write(message.rstrip() + "\n")
    sys.stderr.flush()


class ProgressLine:
    """Progress on stderr: one line rewritten on a terminal, a line a tenth elsewhere."""

    def __init__(self) -> None:
        self._last: object = None
        self._terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int, message: str) -> None:
        """Show `done` of `total`; total 0 means not known."""
        share = done / total if total else 0.0
        mark: object = (message, done) if self._terminal else (message[:20], int(share * 10))
        if mark == self._last:
            return
        self._last = mark
        text = f"{message}  {done:,} of {total:,} ({share:.0%})" if total else message
        sys.stderr.write(f"\r\033[K{text}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Leave the rewritten line."""
        if self._terminal and self._last is not None:
            sys.stderr.write("\n")


def run_command(
    command: Command,
    arguments: argparse.Namespace,
    *,
    show: Callable[[Mapping[str, Any]], str],
    expected: Sequence[type[Exception]] = (),
) -> int:
    """Run a command and print its result: as one JSON object with --json, else as `show` says.

    expected: further error classes whose message is meant for people. Returns the exit code; a
    result that says "ok": false is printed, and counts as failed.
    """
    refusals: tuple[type[Exception], ...] = (StoreError, *expected)
    try:
        result = command(arguments)
    except KeyboardInterrupt:
        say("cancelled")
        return 1
    except refusals as error:
        say(" ".join(str(error).split()))
        return 1
    except DBAPIError as error:
        say(f"the database refused: {' '.join(str(error.orig).split())}; try: python -m db check")
        return 1
    except OSError as error:
        say(f"the system refused: {error}")
        return 1
    print(json.dumps(result, ensure_ascii=False) if arguments.json else show(result))
    return 0 if result.get("ok", True) else 1


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which every command takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
