"""T14: a single bit of a published model is flipped, a hundred times; the manifest finds each.

Seen to fail when trainer.artifacts.verify compared sizes only.
"""

import random
import shutil
from pathlib import Path

from scale import amount

from trainer.artifacts import publish, verify
from trainer.errors import ArtifactError


def test_every_flipped_bit_is_found(tiny_bert: Path, tmp_path: Path, tell) -> None:
    def write(directory: Path) -> None:
        shutil.copytree(tiny_bert, directory, dirs_exist_ok=True)
        (directory / "classifier.json").write_text("{}")

    published = publish(tmp_path, write, {"run": 1})
    files = sorted(published.directory.iterdir())
    rng = random.Random(14)
    flips, missed = amount(100, 1_000), 0
    for _ in range(flips):
        path = rng.choice(files)
        place, bit = rng.randrange(path.stat().st_size), 1 << rng.randrange(8)
        flip(path, place, bit)
        try:
            verify(published.directory, published.manifest_sha256)
            missed += 1
        except ArtifactError as error:
            missed += path.name not in str(error)
        flip(path, place, bit)
    verify(published.directory, published.manifest_sha256)
    tell("flipped bits", done={"flips": flips}, lost={"not found": missed})
    assert missed == 0


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ bit]))
