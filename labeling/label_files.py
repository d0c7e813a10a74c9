"""Read a label set from a file: CSV with a header, or a JSON list of objects."""

import csv
import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from labeling.errors import LabelError
from labeling.templates import NewLabel

_NAMES = tuple(field.name for field in fields(NewLabel))
_SPELLINGS = {"colour": "color"}


def read_labels(path: Path) -> list[NewLabel]:
    """Return the labels in a file. Columns: value, name, description, hotkey, color.

    Only `value` must be there; a missing name is the value. Raises LabelError, naming the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelError(f"the label file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelError(f"the label file {path} is not UTF-8; save it as UTF-8") from error
    entries = _from_json(text) if text.lstrip().startswith("[") else _from_csv(text)
    return [_label(place, entry) for place, entry in entries]


def _from_json(text: str) -> list[tuple[str, dict[str, Any]]]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LabelError(f"the label file is not JSON: {error}") from error
    for place, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict):
            raise LabelError(f"label {place} in the file is {entry!r}; write an object")
    return [(f"label {place}", entry) for place, entry in enumerate(entries, start=1)]


def _from_csv(text: str) -> list[tuple[str, dict[str, Any]]]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    entries: list[tuple[str, dict[str, Any]]] = []
    try:
        _check_names(reader.fieldnames or ())
        for row in reader:
            if None in row:
                raise LabelError(f"line {reader.line_num} of the label file has too many fields")
            entries.append((f"line {reader.line_num}", dict(row)))
    except csv.Error as error:
        raise LabelError(f"line {reader.line_num} of the label file: {error}") from error
    return entries


def _check_names(names: Sequence[str]) -> None:
    if "value" not in names:
        raise LabelError(
            f"the label file has no column 'value'; its first line must be: {','.join(_NAMES)}"
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise LabelError(f"the label file has two columns called {twice[0]!r}")


def _label(place: str, entry: dict[str, Any]) -> NewLabel:
    given = {_SPELLINGS.get(name, name): _word(place, value) for name, value in entry.items()}
    given.setdefault("value", "")
    unknown = sorted(set(given) - set(_NAMES))
    if unknown:
        raise LabelError(f"{place}: {unknown[0]!r} is no part of a label; use {', '.join(_NAMES)}")
    if not given["value"].strip():
        raise LabelError(f"{place}: the label has no value; write how it stands in files")
    return NewLabel(**{**given, "name": given.get("name") or given["value"]})


def _word(place: str, value: object) -> str:
    """Return a part of a label as text; nothing for what is left out. Raises LabelError."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise LabelError(f"{place}: {value!r} is neither text nor a number")
    text = str(value)
    if text != text.encode(errors="replace").decode():
        raise LabelError(f"{place}: {value!r} holds half a character; write it anew")
    return text
