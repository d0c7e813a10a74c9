"""Which words a suggestion rests on, computed by one process beside the web server.

The page asks and goes on at once; it asks again until the answer is there. Only the newest
question of each page counts: whoever moved on to the next tweet has no use for the last one. The
process is started by the first page that shows suggestions, and ended when nobody has asked for a
while, because the classifier in it takes some hundred megabytes.
"""

import json
import os
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Any

IDLE_SECONDS = 600.0
REMEMBERED = 500
WARMING = "warming up"  # in place of the page that asks
COMMAND = (sys.executable, "-m", "trainer.explain_worker")


@dataclass(frozen=True)
class Question:
    """Why does this model give this label to this text? directory: of the model version."""

    directory: str
    manifest_sha256: str
    text: str
    label: str


@dataclass(frozen=True)
class Explanation:
    """Words as (start, end, weight), offsets in UTF-16 units; problem: why there is none."""

    words: tuple[tuple[int, int, float], ...] = ()
    problem: str = ""


class Explainer:
    """Hands questions to the process one by one; safe to use from several threads."""

    def __init__(
        self, command: Sequence[str] = COMMAND, *, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._command = list(command)
        self._idle_seconds = idle_seconds
        self._changed = Condition()
        self._waiting: OrderedDict[str, Question] = OrderedDict()
        self._known: OrderedDict[Question, Explanation] = OrderedDict()
        self._process: subprocess.Popen[str] | None = None
        self._running = False

    def ask(self, who: str, question: Question) -> Explanation | None:
        """Return the explanation if it is there; else see to it, and return None at once."""
        with self._changed:
            found = self._known.get(question)
            if found is not None:
                self._known.move_to_end(question)
                if found.problem:
                    del self._known[question]  # asked anew, it is tried anew
                return found
            self._waiting[who] = question
            if not self._running:
                self._running = True
                Thread(target=self._work, name="explainer", daemon=True).start()
            self._changed.notify_all()
            return None

    def warm_up(self, directory: str, manifest_sha256: str) -> None:
        """See to it that the model is loaded by the time somebody asks; return at once."""
        self.ask(WARMING, Question(directory, manifest_sha256, "", ""))

    def drop(self, who: str) -> None:
        """Forget what this page waits for; it has moved on."""
        with self._changed:
            self._waiting.pop(who, None)

    def close(self) -> None:
        """End the process; the next question starts it again."""
        with self._changed:
            process, self._process = self._process, None
            self._waiting.clear()
            self._changed.notify_all()
        _end(process)

    def _work(self) -> None:
        while True:
            with self._changed:
                if not self._waiting and not self._changed.wait_for(
                    lambda: bool(self._waiting), self._idle_seconds
                ):
                    process, self._process, self._running = self._process, None, False
                    break
                _, question = self._waiting.popitem(last=False)
                known = question in self._known
            if known:
                continue
            found = self._put(question)
            if not question.text:
                continue  # it warmed the process up: nothing to remember
            with self._changed:
                self._known[question] = found
                while len(self._known) > REMEMBERED:
                    self._known.popitem(last=False)
        _end(process)

    def _put(self, question: Question) -> Explanation:
        """Ask the process, starting it where needed; waits, in a thread of its own."""
        try:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
            process.stdin.write(json.dumps(vars(question)) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise EOFError
            said: dict[str, Any] = json.loads(line)
        except (OSError, ValueError, EOFError) as error:
            self._forget()  # which may still be on its way out
            if isinstance(error, EOFError):
                return Explanation(problem="the explaining process ended")
            return Explanation(problem=f"the explaining process cannot be used ({error})")
        if "words" not in said:
            return Explanation(problem=str(said.get("error", "no answer")))
        return Explanation(tuple((one[0], one[1], one[2]) for one in said["words"]))

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is not None and self._process.poll() is not None:
            self._forget()
        if self._process is None:
            # One thread: the explanation of a tweet is small, and others use the processors too.
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=environment,
            )
        return self._process

    def _forget(self) -> None:
        process, self._process = self._process, None
        _end(process)


def _end(process: "subprocess.Popen[str] | None") -> None:
    if process is None:
        return
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # a question that it did not take any more
                stream.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
