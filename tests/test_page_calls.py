"""What pages may call: no markup from people's text, no act without saying who does it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "app.py",
    *sorted((ROOT / "labeling" / "pages").rglob("*.py")),
    *sorted((ROOT / "labeling" / "widget").rglob("*.py")),
]
# Their first argument is read as Markdown.
MARKDOWN = {
    "markdown",
    "write",
    "caption",
    "info",
    "warning",
    "success",
    "error",
    "toast",
    "badge",
    "title",
    "header",
    "subheader",
    "expander",
    "popover",
    "button",
    "form_submit_button",
    "download_button",
    "page_link",
    "metric",
    "spinner",
    "latex",
    # Labels of widgets are Markdown too.
    "selectbox",
    "multiselect",
    "text_input",
    "text_area",
    "number_input",
    "date_input",
    "toggle",
    "checkbox",
    "radio",
    "pills",
    "segmented_control",
    "slider",
    "select_slider",
    "file_uploader",
    "tabs",
}
# What only counts and times go through, and so cannot hold markup.
NUMBERS = {"counted", "moment", "percent", "score", "interval", "duration", "len", "sum", "_signed"}
# Text that is not a person's, or that its admin writes as Markdown. Look twice before adding one.
ALLOWED = {
    ("labeling/pages/review.py", "guidelines or 'No guidelines yet.'"),
    ("labeling/pages/settings.py", "text or 'No guidelines yet.'"),
    ("labeling/pages/parts/jobs.py", "f'{title} was cancelled.'"),
    (
        "labeling/pages/parts/jobs.py",
        "f'{title} was interrupted: its process stopped. Nothing that was saved is lost.'",
    ),
    ("labeling/pages/parts/train_form.py", "title"),
    ("labeling/pages/parts/train_form.py", "words"),
    ("labeling/pages/parts/find.py", "title"),
    ("labeling/pages/settings.py", "words"),
    ("labeling/pages/parts/tweet_detail.py", "f'Version {opinion.number}, {opinion.state}'"),
    ("labeling/pages/parts/tweet_detail.py", "act"),
    ("labeling/pages/parts/tweet_detail.py", "_group_title(story)"),
    (
        "labeling/pages/parts/tweet_detail.py",
        "_group_title(story) if story.members else 'It stands for itself only'",
    ),
    ("labeling/pages/parts/tweets.py", "word"),
    ("labeling/pages/parts/upload.py", "part"),
    ("labeling/pages/parts/versions.py", "words"),
    (
        "labeling/pages/parts/versions.py",
        "f'**Against version {against}, on the test split**'",
    ),
    ("labeling/pages/parts/versions.py", "f'{title}, {len(rows)} of {len(ids)} shown'"),
    ("labeling/pages/parts/versions.py", "f'{verb} version {version.number}'"),
    (
        "labeling/pages/parts/versions.py",
        "f\"Macro-F1 to beat, on the same tweets: {'; '.join(measured)}.\"",
    ),
    (
        "labeling/pages/parts/versions.py",
        "f'version {current.number}: {score(other.get(name))} ({bounds})'",
    ),
    ("labeling/pages/train.py", "f\"{split}: {counted(sum(of_split.values()), 'gold label')}\""),
}
FORBIDDEN = {"html", "iframe", "unsafe_allow_html", "unsafe_allow_javascript", "v1"}
# Each of these asks for a role: a page must say whose.
NAMING = {
    "create_project",
    "edit_labels",
    "set_guidelines",
    "update_settings",
    "update_people",
    "promote",
    "submit_import",
    "submit_export",
    "submit_study",
    "cancel",
    "resume",
    "exported_file",
    "import_file",
    "export",
    "start_run",
    "ensure_classifier",
}
WHO = {"annotator_id", "requested_by"}
# What the functions of labeling do for pages, after asking for the role.
BEHIND = {"submit", "enqueue", "request_cancel", "requeue", "make_current", "add_model_version"}


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def harmless(node: ast.expr, constants: set[str]) -> bool:
    """Tell whether an expression can hold no markup of a person's making."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Call):
        return name(node.func) in {"plain", "start", *NUMBERS}
    if isinstance(node, ast.Name):
        return node.id in constants
    if isinstance(node, ast.JoinedStr):
        return all(harmless(part, constants) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        spec = node.format_spec
        number = isinstance(spec, ast.JoinedStr) and any(
            isinstance(part, ast.Constant) and str(part.value).rstrip("%")[-1:] in {",", "f", "d"}
            for part in spec.values
        )
        return number or harmless(node.value, constants)
    if isinstance(node, ast.IfExp):
        return harmless(node.body, constants) and harmless(node.orelse, constants)
    if isinstance(node, ast.BinOp):
        return harmless(node.left, constants) and harmless(node.right, constants)
    if isinstance(node, ast.Subscript):
        return harmless(node.value, constants)
    return False


def constants_of(path: Path) -> set[str]:
    """Return names that stand for what is written in the file itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            written = isinstance(node.value, ast.Constant | ast.Dict | ast.List | ast.Tuple)
            for target in node.targets:
                if isinstance(target, ast.Name) and (written or harmless(node.value, found)):
                    found.add(target.id)
    return found


def suspicious(path: Path) -> list[str]:
    place, constants = path.relative_to(ROOT).as_posix(), constants_of(path)
    found = []
    for call in calls(path):
        on = call.func.value if isinstance(call.func, ast.Attribute) else None
        if on is None or name(call.func) not in MARKDOWN or not call.args:
            continue
        if name(on) in {"logger", "log", "errors", "plain_buttons"}:
            continue
        text = ast.unparse(call.args[0])
        if not harmless(call.args[0], constants) and (place, text) not in ALLOWED:
            found.append(f"{place}:{call.lineno}: {name(call.func)}({text})")
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_of_people_is_read_as_markdown(path: Path) -> None:
    assert suspicious(path) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_asks_for_html(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            words = {word.arg: word.value for word in node.keywords}
            assert not FORBIDDEN & {name(node.func)}, f"{path}:{node.lineno}"
            for word in FORBIDDEN & set(words):
                # The component's own, fixed markup.
                assert word == "html", f"{path}:{node.lineno}"
                assert isinstance(words[word], ast.Constant | ast.Call), f"{path}:{node.lineno}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_act_says_whose_it_is_and_goes_through_labeling(path: Path) -> None:
    for call in calls(path):
        called = name(call.func)
        on = name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
        where = f"{path.relative_to(ROOT)}:{call.lineno}: {on}.{called}"
        assert not (called in BEHIND and on in {"job", "jobs", "trainer_job"}), where
        assert not (on == "session" and called in {"add", "add_all", "delete"}), where
        if called in NAMING and on in {
            "creating",
            "people",
            "models",
            "training",
            "work",
            "prelabel",
        }:
            named = {word.arg: word.value for word in call.keywords}
            given = [named[word] for word in WHO if word in named]
            assert given, f"{where} does not say who"
            assert not any(isinstance(one, ast.Constant) for one in given), where


def test_the_lint_finds_what_it_is_for(tmp_path: Path) -> None:
    planted = (
        "st.markdown(tweet.text)",
        "st.write(f'# {tweet.text}')",
        "row.caption(label.name)",
        "st.button('Open ' + project.name)",
        "st.info(text if text else 'none')",
        "st.error('%s' % error)",
    )
    for line in planted:
        (call,) = (node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call))
        assert name(call.func) in MARKDOWN
        assert not harmless(call.args[0], set()), line
    for line in (
        "st.write('fixed')",
        "st.caption(plain(tweet.text))",
        "st.info(f'{count:,} left')",
    ):
        (call, *_) = (node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call))
        assert harmless(call.args[0], set()), line
