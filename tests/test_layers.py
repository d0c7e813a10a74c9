"""The arrows between packages point one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"db", "trainer", "labeling", "app"}
MAY_IMPORT = {
    "db": {"db"},
    "trainer": {"trainer"},
    "labeling": {"labeling", "db", "trainer"},
    "app": {"labeling", "db"},
}
BRIDGES = {"trainer/job.py", "trainer/cli.py", "trainer/__main__.py"}
DRAWS = ("app.py", "labeling/pages/", "labeling/widget/")


def sources() -> list[Path]:
    packages = [p for name in ("db", "trainer", "labeling") for p in (ROOT / name).rglob("*.py")]
    return [*packages, ROOT / "app.py"]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the package's name"
            yield node.module or ""


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    home = name.split("/")[0].removesuffix(".py")
    allowed = MAY_IMPORT[home] | ({"db"} if name in BRIDGES else set())
    for module in imports(path):
        head = module.split(".")[0]
        assert head not in OURS or head in allowed, f"{name} imports {module}"
        assert not module.startswith("labeling.pages") or name.startswith(DRAWS), (
            f"{name} imports the page {module}"
        )
        assert head != "streamlit" or name.startswith(DRAWS), f"{name} imports streamlit"
        assert head not in {"torch", "transformers"} or home == "trainer", f"{name} imports {head}"


def test_the_layer_test_sees_every_package() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in sources()} == {
        "db",
        "trainer",
        "labeling",
        "app.py",
    }


def test_no_user_text_can_become_markup() -> None:
    forbidden = ("unsafe_allow_html", "st.html(", "components.html", "innerHTML")
    files = [*sources(), *(ROOT / "labeling" / "widget").rglob("*.js")]
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in files
        for word in forbidden
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []
