"""A process that reads a large file ahead while the import writes what was read before.

Much of an import's work needs no store: decoding, judging rows, normalising and comparing texts.
Where there is a second core it is done beside the writing. The process only reads the file and
sends what it made through its output. It ends as soon as nobody is there to take that, and an
import whose process ended goes on without it.
"""

import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labeling.chunks import Chunk, Source, pack, read_chunks, unpack

FEWEST_RECORDS = 20_000  # of fewer, starting a process takes longer than it saves
COMMAND = (sys.executable, "-m", "labeling.ahead")
_COLLECT_AFTER = 100_000  # objects; Python's default is 700
_ROOT = str(Path(__file__).parent.parent)
_LOG = logging.getLogger(__name__)


def chunks_of(source: Source, skip: int, records: int) -> Generator[Chunk]:
    """Yield the chunks behind the first `skip` of a file's records.

    Close the iterator to end early: that ends the process too.
    """
    if records - skip >= FEWEST_RECORDS and cores() > 1:
        try:
            process = _start(source, skip)
        except OSError as error:
            _LOG.warning("reading without a process of its own: it cannot start (%s)", error)
        else:
            try:
                while (chunk := _receive(process)) and chunk.rows:
                    yield chunk
                    skip = chunk.rows_before + chunk.rows
            finally:
                _end(process)
            if chunk is not None:
                return
            _LOG.warning("the process that reads ahead ended after %s rows; going on alone", skip)
    yield from read_chunks(source, skip)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for objects that refer to themselves less often; chunks hold many that do not."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def cores() -> int:
    """Return how many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _start(source: Source, skip: int) -> "subprocess.Popen[bytes]":
    paths = [_ROOT, os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # Whatever goes wrong there goes wrong here too, where it is told.
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)},
    )
    try:
        assert process.stdin is not None  # noqa: S101
        pickle.dump((source, skip), process.stdin)
        process.stdin.close()
    except OSError:
        _end(process)
        raise
    return process


def _receive(process: "subprocess.Popen[bytes]") -> Chunk | None:
    """Return the next chunk, an empty one behind the last, None where the process ended before."""
    try:
        assert process.stdout is not None  # noqa: S101
        return unpack(pickle.load(process.stdout))  # noqa: S301
    except (EOFError, OSError, pickle.UnpicklingError):
        return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # it holds nothing that could be lost
    with process:  # closes the pipes and waits
        pass


def _send_all(source: Source, skip: int, out: BinaryIO) -> None:
    for chunk in read_chunks(source, skip):
        _send(chunk, out)
    _send(Chunk([], [], [], 0), out)


def _send(chunk: Chunk, out: BinaryIO) -> None:
    pickle.dump(pack(chunk), out, protocol=pickle.HIGHEST_PROTOCOL)
    out.flush()


def main() -> None:
    """Read what to do from standard input; send chunks until they end or nobody takes them."""
    gc.disable()  # nothing here refers to itself
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the import decides when to stop
    source, skip = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the import that started it
    _send_all(source, skip, sys.stdout.buffer)


if __name__ == "__main__":
    main()
