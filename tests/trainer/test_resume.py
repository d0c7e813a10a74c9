"""Killed at any named point, a training goes on as if it had not been; nothing half is believed."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from trainer.artifacts import publish, remove_leftovers
from trainer.checkpoints import Checkpoints, Progress
from trainer.config import TrainConfig
from trainer.errors import ArtifactError
from trainer.train import train

TRAINING = [
    "load",
    "step",
    "evaluate",
    "mid_weights",
    "mid_optimizer",
    "before_fsync",
    "after_fsync",
    "before_rename",
    "after_rename",
]
PUBLISHING = [
    "publish_before_manifest",
    "publish_before_fsync",
    "publish_after_fsync",
    "publish_before_rename",
    "publish_after_rename",
]


@pytest.fixture(scope="module")
def outcomes(tiny_bert, tmp_path_factory):
    """What fault_process.py found at every fault point; "" is the uninterrupted training."""
    config = TrainConfig(
        base_model=str(tiny_bert),
        epochs=2,
        learning_rate=3e-3,
        batch_size=16,
        max_length=32,
        threads=1,
    )
    here = Path(__file__).parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parents[1])])
    root = str(tmp_path_factory.mktemp("faults"))
    settings = json.dumps(config.to_json())
    command = [sys.executable, str(here / "fault_process.py"), root, settings]
    done = subprocess.run(
        [*command, *TRAINING, *PUBLISHING],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*TRAINING, *PUBLISHING])
def test_a_killed_training_resumes_to_the_same_weights(fault, outcomes):
    assert outcomes[fault]["codes"] == [-9, 0, 0, 0]  # killed; no half model; resumed; loads
    assert outcomes[fault]["digest"] == outcomes[""]["digest"]


def test_a_cancelled_training_resumes_to_the_uninterrupted_weights(
    quick, examples, labels, tmp_path, recorder
):
    config = replace(quick, evaluations_per_epoch=3)
    whole = train(examples, labels, config, work=tmp_path / "a", cache=tmp_path)
    train(examples, labels, config, work=tmp_path / "b", cache=tmp_path, callbacks=recorder(17))
    resumed = recorder()
    again = train(examples, labels, config, work=tmp_path / "b", cache=tmp_path, callbacks=resumed)
    assert resumed.steps[0].step == 17  # validated, and so kept, after step 16
    same = again.predictions["test"].probabilities == whole.predictions["test"].probabilities
    assert same.all()
    assert again.best_epoch == whole.best_epoch


def test_checkpoints_of_other_settings_are_not_resumed(quick, examples, labels, tmp_path, recorder):
    train(examples, labels, replace(quick, epochs=1), work=tmp_path, cache=tmp_path)
    seen = recorder()
    train(examples, labels, quick, work=tmp_path, cache=tmp_path, callbacks=seen)
    assert seen.steps[0].step == 1


@pytest.mark.parametrize("file", ["trained.safetensors", "state.pt", "progress.json", "COMPLETE"])
def test_a_damaged_checkpoint_is_passed_over(file, tmp_path):
    import torch

    checkpoints = Checkpoints(tmp_path, "x")
    weights = {"w": torch.ones(3)}
    checkpoints.save(weights, {"optimizer": {}}, Progress(step=1, best_step=1, best_score=0.5))
    checkpoints.save(weights, {"optimizer": {}}, Progress(step=2, best_step=1, best_score=0.5))
    path = tmp_path / "step-00000002" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = Checkpoints(tmp_path, "x").latest()
    assert found is not None
    assert found.progress.step == 1


def test_only_the_last_and_the_best_checkpoint_are_kept(tmp_path):
    import torch

    checkpoints = Checkpoints(tmp_path, "x")
    for step in range(1, 6):
        progress = Progress(step=step, best_step=min(step, 2), best_score=0.5)
        checkpoints.save({"w": torch.ones(1)}, {}, progress)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000005"]


def test_what_a_killed_publish_left_is_removed(tmp_path):
    (tmp_path / ".tmp-abc").mkdir()
    (tmp_path / ".tmp-abc" / "half.safetensors").write_bytes(b"x")
    for name in ("a" * 32, "b" * 32, "mine"):
        (tmp_path / name).mkdir()
    assert remove_leftovers(tmp_path, {"a" * 32}) == ["b" * 32]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a" * 32, "mine"]


def test_a_publish_that_fails_leaves_nothing(tmp_path):
    def write(directory):
        (directory / "half").write_bytes(b"x")
        raise OSError(28, "No space left on device")

    with pytest.raises(ArtifactError, match="free some disk space"):
        publish(tmp_path, write, {})
    assert list(tmp_path.iterdir()) == []
