"""Make a project and change what defines it; each change leaves an entry in the audit list."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import ConflictError
from db.project_settings import ProjectSettings
from db.projects import labels_of, settings_of
from db.schema import AuditEntry, Label, Project
from labeling.errors import LabelError
from labeling.formula import starts_formula
from labeling.permissions import allow
from labeling.resolving import settle_waiting
from labeling.templates import NewLabel, get_template

MAX_LABELS = 9
MAX_NAME = 64
MAX_DESCRIPTION = 1_000
MAX_GUIDELINES = 50_000
# Told apart by people with colour-blind eyes too (Okabe and Ito, 2008).
COLORS = (
    "#D55E00",
    "#8C8C8C",
    "#009E73",
    "#0072B2",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#B8A600",
    "#000000",
)
_KEPT = (
    "nothing was saved. Copy what you want to keep, reload the page to see what is stored now, "
    "and make your changes there"
)
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def create_project(
    name: str,
    *,
    session: Session,
    template: str | None = None,
    labels: Sequence[NewLabel] = (),
    settings: ProjectSettings | None = None,
    annotator_id: int | None = None,
) -> Project:
    """Make a project from a template, or with labels of one's own, and return it.

    Raises LabelError for a name or a label set that cannot be, ConflictError for a taken name,
    PermissionRefused.
    """
    allow(annotator_id, "create_project", session=session)
    chosen = get_template(template) if template else None
    _check_name("the project's name", name)
    if session.scalars(select(Project.id).where(Project.name == name)).first() is not None:
        raise ConflictError(f"a project called {name!r} exists already; choose another name")
    complete = _completed(labels or (chosen.labels if chosen else ()))
    check_labels(complete)
    project = Project(
        name=name,
        template=template,
        guidelines=chosen.guidelines if chosen else "",
        settings=(settings or ProjectSettings()).to_json(),
        source_columns=dict(chosen.columns) if chosen else {},
    )
    session.add(project)
    session.flush()
    for position, label in enumerate(complete):
        session.add(Label(project_id=project.id, position=position, **asdict(label)))
    _audit(
        "create project",
        project,
        session=session,
        annotator_id=annotator_id,
        detail={
            "template": template,
            "labels": [asdict(label) for label in complete],
        },
    )
    session.flush()
    return project


def edit_labels(
    project: Project,
    labels: Sequence[NewLabel],
    *,
    session: Session,
    shown: Sequence[NewLabel] | None = None,
    annotator_id: int | None = None,
) -> list[Label]:
    """Make `labels`, in this order, the project's label set, and return the active labels.

    A label is known by its value: a new value is a new label, a missing one is retired, never
    deleted, because answers and model versions refer to it. shown: the active labels that whoever
    changed them had before them. Raises LabelError, or ConflictError where they are others by now.
    """
    allow(annotator_id, "edit_labels", session=session)
    if shown is not None and list(shown) != active_labels(project, session=session):
        raise ConflictError(f"somebody else changed the labels in the meantime; {_KEPT}")
    complete = _completed(labels)
    check_labels(complete)
    known = {label.value: label for label in labels_of(project, session=session, active=False)}
    for wanted in complete:
        merged = known[wanted.value].merged_into if wanted.value in known else None
        if merged is not None:
            raise LabelError(
                f"label {wanted.value!r} was merged into {merged!r}; take that back first"
            )
    before = [_shown(label) for label in known.values() if label.active]
    for label in known.values():
        label.active = False
    for position, wanted in enumerate(complete):
        label = known.get(wanted.value) or Label(project_id=project.id, value=wanted.value)
        label.name, label.description = wanted.name, wanted.description
        label.hotkey, label.color = wanted.hotkey, wanted.color
        label.position, label.active = position, True
        session.add(label)
    session.flush()
    after = list(labels_of(project, session=session))
    _audit(
        "edit labels",
        project,
        session=session,
        annotator_id=annotator_id,
        detail={
            "before": before,
            "after": [_shown(label) for label in after],
        },
    )
    return after


def active_labels(project: Project, *, session: Session) -> list[NewLabel]:
    """Return the project's active labels as they are written, in their order."""
    return [NewLabel(**_shown(label)) for label in labels_of(project, session=session)]


def set_guidelines(
    project: Project,
    text: str,
    *,
    session: Session,
    shown: str | None = None,
    annotator_id: int | None = None,
) -> None:
    """Replace the project's guidelines, Markdown written by its admin.

    shown: the text that whoever changed it had before them. Raises LabelError, or ConflictError
    where it is another one by now.
    """
    allow(annotator_id, "edit_guidelines", session=session)
    if shown is not None and shown != project.guidelines:
        raise ConflictError(f"somebody else changed the guidelines in the meantime; {_KEPT}")
    if len(text) > MAX_GUIDELINES:
        raise LabelError(
            f"the guidelines have {len(text):,} characters; at most {MAX_GUIDELINES:,} are allowed"
        )
    if "\0" in text:
        raise LabelError("the guidelines hold a NUL byte; remove it")
    detail = {"before": project.guidelines, "after": text}
    project.guidelines = text
    _audit("set guidelines", project, session=session, annotator_id=annotator_id, detail=detail)


def update_settings(
    project: Project,
    changes: Mapping[str, Any],
    *,
    session: Session,
    shown: ProjectSettings | None = None,
    annotator_id: int | None = None,
) -> ProjectSettings:
    """Change some of the project's settings and return all of them.

    shown: what whoever changed them had before them; a setting that is in `changes` as shown is
    left as stored. Where fewer people are asked now, or answers count for copies, the gold labels
    that follow from answers already given are made at once: nobody would be asked for those tweets
    again. Raises LabelError for an unknown setting, InvalidSettingError for a value it may not
    have, ConflictError for one to be changed that is not any more as shown.
    """
    allow(annotator_id, "edit_settings", session=session)
    before = settings_of(project)
    unknown = sorted(set(changes) - set(before.to_json()))
    if unknown:
        known = ", ".join(before.to_json())
        raise LabelError(f"there is no setting {unknown[0]!r}; there are: {known}")
    if shown is not None:
        changes = _changed(changes, shown, before)
    after = replace(before, **changes)
    project.settings = after.to_json()
    if after.overlap < before.overlap or after.propagate > before.propagate:
        settle_waiting(project, after, session=session)
    changed = {
        name: {"before": getattr(before, name), "after": getattr(after, name)}
        for name in changes
        if getattr(before, name) != getattr(after, name)
    }
    _audit("change settings", project, session=session, annotator_id=annotator_id, detail=changed)
    return after


def check_labels(labels: Sequence[NewLabel]) -> None:
    """Raise LabelError, naming the label, unless this is a usable label set."""
    if not 2 <= len(labels) <= MAX_LABELS:
        noun = "label" if len(labels) == 1 else "labels"
        raise LabelError(f"{len(labels)} {noun}; a project has 2 to {MAX_LABELS}")
    for label in labels:
        _check_name("a label's value", label.value)
        _check_name(f"the name of label {label.value!r}", label.name)
        if starts_formula(label.value):
            raise LabelError(
                f"the label value {label.value!r} begins like a spreadsheet formula; "
                "use letters, digits or a plain number"
            )
        if len(label.description) > MAX_DESCRIPTION or "\0" in label.description:
            raise LabelError(
                f"the description of label {label.value!r} is too long or holds a NUL byte; "
                f"at most {MAX_DESCRIPTION:,} characters"
            )
        if label.hotkey not in {"", *"123456789"}:
            raise LabelError(
                f"the hotkey of label {label.value!r} is {label.hotkey!r}; use a digit from 1 to 9"
            )
        if not _COLOR.fullmatch(label.color):
            raise LabelError(
                f"the colour of label {label.value!r} is {label.color!r}; write it as #RRGGBB"
            )
    _check_unique("value", [label.value for label in labels])
    _check_unique("name", [label.name for label in labels], any_case=True)
    _check_unique("hotkey", [label.hotkey for label in labels if label.hotkey])


def _completed(labels: Sequence[NewLabel]) -> list[NewLabel]:
    """Trim what was typed; give labels without a hotkey or a colour the next free one."""
    free = iter(key for key in "123456789" if key not in {label.hotkey for label in labels})
    colors = iter(color for color in COLORS if color not in {label.color for label in labels})
    return [
        NewLabel(
            value=label.value.strip(),
            name=label.name.strip(),
            description=label.description.strip(),
            hotkey=label.hotkey.strip() or next(free, ""),
            color=label.color.strip() or next(colors, COLORS[-1]),
        )
        for label in labels
    ]


def _check_name(what: str, value: str) -> None:
    if not value.strip() or value != value.strip():
        raise LabelError(f"{what} is {value!r}; it must not be blank or begin or end with blanks")
    if len(value) > MAX_NAME:
        raise LabelError(f"{what} has {len(value)} characters; at most {MAX_NAME} are allowed")
    if value != value.encode(errors="replace").decode():
        raise LabelError(f"{what} is {value!r}; it holds bytes that are no UTF-8")
    if _CONTROL.search(value):
        raise LabelError(f"{what} is {value!r}; it must not hold control characters")


def _check_unique(what: str, values: Sequence[str], *, any_case: bool = False) -> None:
    """Raise LabelError, with the value as it was typed, where two are the same."""
    compared = [value.casefold() for value in values] if any_case else values
    for typed, value in zip(values, compared, strict=True):
        if compared.count(value) > 1:
            case = " (capitals do not count)" if values.count(typed) == 1 else ""
            raise LabelError(f"two labels have the {what} {typed!r}{case}; each needs its own")


def _changed(
    wanted: Mapping[str, Any], shown: ProjectSettings, stored: ProjectSettings
) -> Mapping[str, Any]:
    """Return what differs from what was shown. Raises ConflictError where the store does, too."""
    found = {name: value for name, value in wanted.items() if value != getattr(shown, name)}
    for name, value in found.items():
        if getattr(stored, name) not in (getattr(shown, name), value):
            raise ConflictError(
                f"somebody else changed {name.replace('_', ' ')} in the meantime; {_KEPT}"
            )
    return found


def _shown(label: Label) -> dict[str, Any]:
    return {
        name: getattr(label, name) for name in ("value", "name", "description", "hotkey", "color")
    }


def _audit(
    action: str,
    project: Project,
    *,
    session: Session,
    annotator_id: int | None,
    detail: dict[str, Any],
) -> None:
    session.add(
        AuditEntry(
            project_id=project.id,
            annotator_id=annotator_id,
            action=action,
            subject=project.name,
            detail=detail,
        )
    )
