"""T4: the disk is full, or a file may not grow: each act fails with a reason, leaves no half file
under a final name, and works once there is space again.

Seen to fail when trainer.durable let the error of safetensors through (no reason that people can
act on).
"""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forks import CONTEXT
from imports import HEADER, climate_store
from scale import amount
from small_store import Store
from stores import broken

KIB = 1024
ROOM = amount([64], [0, 16, 64, 256, 1024])
ROWS = 4_000


def answer(directory: Path) -> None:
    store = Store(_engine(directory))
    with (directory / "acks").open("a", buffering=1) as acks:
        for _ in range(60):
            for item in store.ask("ann", count=8):
                key, recorded = store.label(item, "1", key=os.urandom(8).hex())
                assert recorded.state == "saved"
                print(key, file=acks)


def bring(directory: Path) -> None:
    from labeling.importing import import_file

    import_file(directory.parent / "more.csv", engine=_engine(directory), project_name="climate")


def take_out(directory: Path) -> None:
    from labeling.exporting import export

    export(directory / "out.csv", engine=_engine(directory), project_name="climate", rows="all")


def back_up(directory: Path) -> None:
    from db.backup import backup

    backup(f"sqlite:///{directory / 'relabel.db'}", directory / "backup.db")


def checkpoint(directory: Path) -> None:
    import torch

    from trainer.checkpoints import Checkpoints, Progress

    weights = {"w": torch.ones(400_000)}
    progress = Progress(step=1, best_step=1, best_score=0.5)
    Checkpoints(directory / "checkpoints", "x").save(weights, {"o": weights}, progress)


def publish_model(directory: Path) -> None:
    from trainer.artifacts import publish

    def write(place: Path) -> None:
        (place / "classifier.json").write_text("{}")
        (place / "model.safetensors").write_bytes(b"w" * 1_600_000)

    publish(directory / "models", write, {})


ACTS = {
    "annotate": answer,
    "import": bring,
    "export": take_out,
    "backup": back_up,
    "checkpoint": checkpoint,
    "publish": publish_model,
}


def _engine(directory: Path):
    from db.engine import make_engine

    return make_engine(f"sqlite:///{directory / 'relabel.db'}")


def attempt(name: str, directory: str, largest: int | None, talk) -> None:
    """Do one act in this process, whose files may not grow beyond `largest` bytes if given."""
    from sqlalchemy.exc import DBAPIError

    from db.errors import StoreError
    from labeling.errors import LabelingError
    from trainer.errors import TrainerError

    if largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    try:
        ACTS[name](Path(directory))
        talk.send("done")
    except (StoreError, LabelingError, TrainerError, DBAPIError, OSError) as error:  # typed
        talk.send("refused" if largest is not None or _full(directory) else f"odd: {error}")
    except BaseException as error:
        talk.send(f"{type(error).__name__}: {error}")


def _full(directory: str) -> bool:
    return (Path(directory).parent / "filler").exists()


def outcome(name: str, directory: Path, largest: int | None = None) -> str:
    mine, theirs = CONTEXT.Pipe()
    process = CONTEXT.Process(target=attempt, args=(name, str(directory), largest, theirs))
    process.start()
    theirs.close()
    try:
        said = mine.recv()
    except EOFError:
        said = "died"
    process.join()
    return str(said)


def half_files(directory: Path) -> list[str]:
    """Return what looks finished and is not."""
    found = [str(path) for path in directory.glob("out.csv") if path.stat().st_size < 100_000]
    found += [str(path) for path in directory.glob("backup.db") if not _opens(path)]
    found += [str(p) for p in directory.glob("checkpoints/step-*") if not (p / "COMPLETE").exists()]
    found += [str(p) for p in directory.glob("models/[!.]*") if not (p / "manifest.json").exists()]
    return found


def _opens(path: Path) -> bool:
    from db.backup import _require_whole

    _require_whole(path)
    return True


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store of some thousand tweets and a file with as many more."""
    from labeling.importing import import_file

    root = tmp_path_factory.mktemp("full")
    (root / "data").mkdir()
    engine = climate_store(root / "data")
    for name, first in (("some.csv", 0), ("more.csv", ROWS)):
        rows = (f",tweet number {n} of them,{10**18 + n}\n" for n in range(first, first + ROWS))
        (root / name).write_text(HEADER + "".join(rows))
    import_file(root / "some.csv", engine=engine, project_name="climate")
    engine.dispose()
    return root


@contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root and a kernel that lets us mount one")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("kind", ["full disk", "file size"])
def test_an_act_without_space_fails_cleanly_and_works_later(
    template: Path, tmp_path: Path, kind: str, tell
) -> None:
    said: list[tuple[str, int, str, str]] = []
    lost = {"half files": 0, "odd errors": 0, "not working later": 0, "acks lost": 0}
    for name in ACTS:
        for room in ROOM:
            with _place(tmp_path / f"{name}-{room}", kind) as place:
                _copy(template, place)
                directory = place / "data"
                if kind == "full disk":
                    _fill(place, room * KIB)
                    first = outcome(name, directory)
                else:
                    largest = _largest(name, directory) + room * KIB
                    first = outcome(name, directory, largest)
                lost["half files"] += len(half_files(directory))
                lost["odd errors"] += first not in {"done", "refused"}
                (place / "filler").unlink(missing_ok=True)
                again = outcome(name, directory)
                said.append((name, room, first, again))
                lost["not working later"] += again != "done"
                lost["half files"] += len(half_files(directory))
                lost["acks lost"] += _lost_acks(directory)
    refused = sum(one[2] == "refused" for one in said)
    tell("no space left", done={"acts": len(said), "refused": refused}, lost=lost)
    odd = [one for one in said if one[2] not in {"done", "refused"} or one[3] != "done"]
    assert lost == dict.fromkeys(lost, 0), str(odd)
    assert refused >= len(said) // 2, said


@contextmanager
def _place(path: Path, kind: str) -> Iterator[Path]:
    if kind == "full disk":
        with small_disk(path) as place:
            yield place
    else:
        path.mkdir()
        yield path


def _copy(template: Path, place: Path) -> None:
    subprocess.run(["cp", "-r", f"{template}/.", str(place)], check=True)


def _fill(place: Path, leave: int) -> None:
    free = os.statvfs(place)
    size = free.f_bavail * free.f_frsize - leave
    with (place / "filler").open("wb") as filler:
        filler.write(b"\0" * max(0, size))


def _largest(name: str, directory: Path) -> int:
    """Return how large a file may be now: the log starts anew, the rest is written from nothing."""
    return 0 if name != "import" else (directory / "relabel.db").stat().st_size // 4


def _lost_acks(directory: Path) -> int:
    acks = directory / "acks"
    if not acks.exists():
        return 0
    store = Store(_engine(directory))
    found = broken(store, acks.read_text().split())
    store.engine.dispose()
    return sum(found.values())
