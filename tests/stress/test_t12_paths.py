"""T12: names that point elsewhere: what is uploaded, exported or restored stays where it belongs.

Seen to fail when labeling.job did not check that an upload lies inside the data directory.
"""

import itertools
from pathlib import Path

import pytest
from imports import HEADER, climate_store

from db.errors import StoreError
from labeling.errors import LabelingError
from labeling.importing import import_file
from labeling.job import _inside
from trainer.artifacts import verify
from trainer.errors import TrainerError

PLACES = ["../x", "/etc/x", "a/../../x", "..", "~/x", "%2e%2e/x", "..\\x", "C:\\x", "\\\\host\\x"]
NAMES = [
    "CON",
    "NUL.csv",
    "a" * 300,
    "\u202ecsv.exe",
    "x\ny",
    "\ufeffx",
    ".hidden",
    " ",
    "a|b;c$(d)",
]
ALL = [*PLACES, *NAMES, *(f"{p}/{n}" for p, n in itertools.product(PLACES[:6], NAMES))]


def tree(directory: Path) -> set[str]:
    return {str(path) for path in directory.rglob("*")}


def test_no_name_reaches_outside_the_data_directory(tmp_path: Path, tell) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    data.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text(HEADER + "1,secret,1\n")
    (data / "link").symlink_to(outside)
    engine = climate_store(data)
    before, escaped = tree(outside), []
    for name in [*ALL, "link/secret.csv"]:
        try:
            inside = _inside(data, name)
            if not inside.resolve().is_relative_to(data.resolve()):
                escaped.append(name)
        except (LabelingError, OSError, ValueError):
            pass
        good = data / "upload.csv"
        good.write_text(HEADER + f"1,text,{len(escaped)}\n")
        import_file(good, engine=engine, project_name="climate", file_name=name)  # only data
        with pytest.raises((TrainerError, StoreError, OSError, ValueError)):
            verify(data / "models" / name)
    engine.dispose()
    changed = tree(outside) ^ before
    stray = {path.name for path in tmp_path.iterdir()} - {"data", "outside"}
    tell(
        "paths",
        done={"names": len(ALL) + 1},
        lost={"left the data directory": len(escaped) + len(changed) + len(stray)},
    )
    assert (escaped, changed, stray) == ([], set(), set())
