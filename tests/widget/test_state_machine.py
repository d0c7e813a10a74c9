"""The widget's modules, tested by node; and the one script that is made of them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from labeling.widget import assembly

HERE = Path(__file__).parent


@pytest.fixture
def node() -> str:
    found = shutil.which("node")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("node is missing; install it: apt-get install nodejs")
        pytest.skip("node is missing; install it: apt-get install nodejs")
    return found


def test_the_modules_of_the_widget_pass_their_own_tests(node: str) -> None:
    tests = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    done = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_assembled_script_is_one_module_with_one_export(node: str, tmp_path: Path) -> None:
    script = assembly.script()
    path = tmp_path / "widget.mjs"
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [node, "--check", str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^export .*", script, re.MULTILINE) == [
        "export default function mount({ data, parentElement, setStateValue }) {"
    ]
    assert not re.search(r"^import\s", script, re.MULTILINE)


def test_every_module_of_the_folder_is_part_of_the_script() -> None:
    assert {path.name for path in assembly.FOLDER.glob("*.js")} == set(assembly.MODULES)


def test_a_module_stands_behind_those_that_it_imports() -> None:
    for place, name in enumerate(assembly.MODULES):
        source = (assembly.FOLDER / name).read_text(encoding="utf-8")
        for imported in re.findall(r'from "\./([\w.]+)"', source):
            assert imported in assembly.MODULES[:place], f"{name} imports {imported} too early"


def test_the_widget_never_makes_markup_out_of_text() -> None:
    everything = assembly.script() + assembly.markup()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in everything
