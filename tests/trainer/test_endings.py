"""However a job ends, people read one line that they can act on."""

import errno
import logging

import pytest
import torch
from safetensors import SafetensorError
from sqlalchemy.exc import OperationalError

from trainer.artifacts import publish
from trainer.endings import ending_of
from trainer.errors import ArtifactError, Cancelled, TooFewLabelsError

MEMORY = "out of memory; choose a smaller batch size or maximum length"


def ended(error, tmp_path):
    def work():
        raise error

    logging.getLogger("relabel.job").setLevel(logging.CRITICAL)
    return ending_of(work, expected=(), data=tmp_path, log_name="logs/job-1.log")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] can't allocate memory"),
    ],
)
def test_no_memory_is_said_with_what_to_change(error, tmp_path):
    assert ended(error, tmp_path).error == MEMORY


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("I/O error: No space left on device (os error 28)"),
        OperationalError("INSERT", {}, Exception("database or disk is full")),
    ],
)
def test_a_full_disk_is_said_with_its_place(error, tmp_path):
    found = ended(error, tmp_path)
    assert found.error == f"the disk that holds {tmp_path} is full; free some space and resume"
    assert found.state == "failed"


def test_a_full_disk_behind_another_error_is_found(tmp_path):
    error = ArtifactError("the model could not be written")
    error.__cause__ = OSError(errno.ENOSPC, "x")
    assert "is full" in str(ended(error, tmp_path).error)


def test_what_is_meant_for_people_is_passed_on_and_the_rest_is_not(tmp_path):
    assert ended(TooFewLabelsError("label more"), tmp_path).error == "label more"
    assert "logs/job-1.log" in str(ended(ValueError("secret"), tmp_path).error)
    assert "secret" not in str(ended(ValueError("secret"), tmp_path).error)
    assert ended(Cancelled("x"), tmp_path).state == "cancelled"


def test_a_disk_that_fills_up_while_a_model_is_written_leaves_nothing_behind(tmp_path):
    def write(directory):
        (directory / "half").write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    def work():
        publish(tmp_path / "models", write, {})
        return {}

    logging.getLogger("relabel.job").setLevel(logging.CRITICAL)
    found = ending_of(work, expected=(), data=tmp_path, log_name="l")
    assert "is full" in str(found.error)
    assert list((tmp_path / "models").iterdir()) == []
