"""T13: hostile and damaged model directories are refused, fast, in little memory, running nothing.

Seen to fail when trainer.model_files did not look for code in the JSON files.
"""

import pickle
import resource
import shutil
import time
from pathlib import Path

import torch
from test_base_model import HOSTILE

from trainer.artifacts import publish
from trainer.encoder import Encoder
from trainer.errors import ArtifactError, BaseModelError
from trainer.predict import load_classifier

SECONDS, MIB = 5, 500


class Payload:
    """Unpickled, it would make a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def pickles(directory: Path, canary: Path) -> None:
    """Put the same hostile pickle wherever a loader might look for weights or a state."""
    content = pickle.dumps(Payload(canary))
    for name in ("pytorch_model.bin", "optimizer.pt", "rng_state.pth", "state.pt", "model.pkl"):
        (directory / name).write_bytes(content)
    torch.save({"weights": torch.ones(1)}, directory / "training_args.bin")


def refused(load, *errors: type[Exception]) -> tuple[bool, float, int]:
    """Return whether loading was refused with a reason, the seconds it took and the MiB."""
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    try:
        load()
        said = ""
    except errors as error:
        said = str(error)
    took = time.monotonic() - started
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return bool(said), took, grown


def test_every_hostile_directory_is_refused_as_base_and_as_trained_model(
    tiny_bert: Path, tmp_path: Path, tell
) -> None:
    canary, canaries = tmp_path / "canary", 0
    Encoder.load(str(tiny_bert), precision="fp32")  # what loading itself takes is not counted
    loaded, slow, big, longest = [], 0, 0, 0.0
    for number, (case, (spoil, _)) in enumerate(HOSTILE.items()):
        place = tmp_path / str(number)
        base = shutil.copytree(tiny_bert, place / "base")
        (base / "vocab.txt").unlink(missing_ok=True)
        if case == "no safetensors":
            pickles(base, canary)
        spoil(base)
        trained = place / "models" / "trained"
        tries = [(lambda base=base: Encoder.load(str(base), precision="fp32"), BaseModelError)]
        if case not in {"pipe", "device", "link that leaves"}:  # no manifest can be made of these
            trained = published(base, place / "models")
            tries.append((lambda trained=trained: load_classifier(trained), ArtifactError))
        for load, error in tries:
            was_refused, took, grown = refused(load, error)
            if not was_refused:
                loaded.append(case)
            slow += took > SECONDS
            big += grown > MIB
            longest = max(longest, took)
        canaries += canary.exists()
    lost = {"loaded": len(loaded), "slow": slow, "big": big, "code run": canaries}
    tell(
        "hostile models",
        done={"directories": len(HOSTILE), "kinds of loading": 2},
        lost=lost,
        notes={"longest": f"{longest:.1f} s"},
    )
    assert lost == dict.fromkeys(lost, 0), loaded


def published(hostile: Path, models: Path) -> Path:
    """Publish a hostile directory with a manifest that fits, as an attacker with the disk would."""
    facts = hostile.parent / "classifier.json"
    facts.write_text(
        '{"format": 1, "kind": "fine_tuned", "label_map": ["a", "b"], "temperature": 1.0}'
    )

    def write(directory: Path) -> None:
        shutil.copytree(hostile, directory, dirs_exist_ok=True, symlinks=True)
        shutil.copy(facts, directory)

    return publish(models, write, {}).directory


def test_a_pickle_beside_good_weights_is_never_read(tiny_bert: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    base = shutil.copytree(tiny_bert, tmp_path / "base")
    pickles(base, canary)
    Encoder.load(str(base), precision="fp32")
    assert not canary.exists()
