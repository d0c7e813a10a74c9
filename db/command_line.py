"""What every command of Relabel has in common: JSON on stdout, words on stderr, exit codes.

0 done, 1 failed, 2 wrong use. A refusal is one line on stderr; no traceback reaches a user.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from sqlalchemy.exc import DBAPIError

from db.errors import StoreError

log = logging.getLogger("relabel.command")

Command = Callable[[argparse.Namespace], Mapping[str, Any]]


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusals are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what was wrong and where the help is; exit 2."""
        sys.stderr.write(f"error: {message} (see {self.prog} --help)\n")
        sys.exit(2)


def say(message: str) -> None:
    """Tell the person something on stderr."""
    with suppress(OSError):  # nobody listens; what was to be done is done all the same
        sys.stderr.write(message.rstrip() + "\n")
        sys.stderr.flush()


class ProgressLine:
    """Progress on stderr: one line rewritten on a terminal, one every few seconds elsewhere.

    unit: what is counted; scale: how much of the unit one step is.
    """

    def __init__(self, unit: str = "", *, scale: float = 1.0) -> None:
        self._unit = unit
        self._scale = scale
        self._terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._shown = float("-inf")

    def __call__(self, done: int, total: int, message: str = "") -> None:
        """Show `done` of `total`; total 0 means not known."""
        moment = time.monotonic()
        if moment - self._shown < (0.2 if self._terminal else 5.0):
            return
        self._shown = moment
        text = " ".join(part for part in (message, self._counted(done, total, moment)) if part)
        sys.stderr.write(f"\r\033[K{text}" if self._terminal else f"{text}\n")
        sys.stderr.flush()

    def _counted(self, done: int, total: int, moment: float) -> str:
        if not total:
            return ""
        digits = ".1f" if self._scale < 1 else ".0f"
        left = (moment - self._started) * (total - done) / max(done, 1)
        return (
            f"{done / total:4.0%}  {done * self._scale:,{digits}} of "
            f"{total * self._scale:,{digits}} {self._unit}, about {left:.0f} s left"
        )

    def end(self) -> None:
        """Leave the rewritten line."""
        if self._terminal and self._shown > float("-inf"):
            sys.stderr.write("\n")


def run_command(
    command: Command,
    arguments: argparse.Namespace,
    *,
    show: Callable[[Mapping[str, Any]], str],
    expected: Sequence[type[Exception]] = (),
    misuse: Sequence[type[Exception]] = (),
) -> int:
    """Run a command and print its result: as one JSON object with --json, else as `show` says.

    expected: further error classes whose message is meant for people; misuse: those of them that
    mean wrong use. Returns the exit code; a result that says "ok": false is printed, and counts as
    failed.
    """
    refusals: tuple[type[Exception], ...] = (StoreError, *expected, *misuse)
    try:
        result = command(arguments)
    except KeyboardInterrupt:
        say("error: stopped; run the same command again to go on")
        return 1
    except refusals as error:
        say(f"error: {' '.join(str(error).split())}")
        return 2 if isinstance(error, tuple(misuse)) else 1
    except UnicodeEncodeError:
        say("error: a name or a path that was given holds bytes that are no UTF-8")
        return 2
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        say(f"error: the database refused: {reason}; try: python -m db check")
        return 1
    except OSError as error:
        say(f"error: {error.filename or 'the system refused'}: {error.strerror or error}")
        return 1
    except Exception as error:
        if os.environ.get("RELABEL_DEBUG"):
            raise
        say(
            f"error: unexpected {type(error).__name__}: {' '.join(str(error).split())}; "
            "set RELABEL_DEBUG=1 to see where, and please report it"
        )
        return 1
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(result, ensure_ascii=not unicode) if arguments.json else show(result)
    if not _print(text):
        return 1
    return 0 if result.get("ok", True) else 1


def _print(text: str) -> bool:
    """Print on stdout; tell on stderr, and return False, where nobody takes it or it has no room.

    Letters that stdout's encoding lacks are written as escapes.
    """
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        # What is still held back would fail once more when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        say(f"error: the result could not be printed: {error.strerror or error}")
        return False
    return True


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add --json, which every command takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout")
