"""Which column of a file is what: said by a person, or guessed from the header."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeling.errors import ImportRefused
from labeling.formula import starts_formula

PROVENANCE = (
    "label_name",
    "source",
    "annotators",
    "reviewed",
    "predicted_label",
    "confidence",
    "model_version",
    "suggestion_shown",
    "changed",
    "seconds",
    "queue_reason",
    "split",
    "duplicate_group",
    "comment",
    "created_at",
    "export_format",
)
MARKER = "export_format"
FORMAT = "1"
RAW_FORMAT = "1-raw"
DEFAULT_LABEL_COLUMN = "label"
_ORIGINAL = "original_"

_TEXT_NAMES = ("message", "text", "tweet", "full_text", "content", "body")
_ID_NAMES = ("tweetid", "tweet_id", "id_str", "id", "status_id", "external_id")
_LABEL_NAMES = ("sentiment", "label", "stance", "class", "category", "target")


@dataclass(frozen=True)
class ColumnChoice:
    """The names of the columns for text, id and, where there is one, label."""

    text: str
    id: str
    label: str | None = None

    def check(self, header: Sequence[str]) -> None:
        """Raise ImportRefused unless the header has these columns, each used for one thing."""
        named = [name for name in (self.text, self.id, self.label) if name is not None]
        for name in named:
            if name not in header:
                raise ImportRefused(
                    f"line 1: there is no column {name!r}; the file has: {', '.join(header)}",
                    line=1,
                    column=name,
                )
        if len(set(named)) < len(named):
            raise ImportRefused(
                f"one column is chosen for two things ({', '.join(named)}); choose different ones",
                line=1,
            )


@dataclass(frozen=True)
class ColumnWish:
    """What a person said about the columns; None is left to be guessed from the header."""

    text: str | None = None
    id: str | None = None
    label: str | None = None


def guess(header: Sequence[str], known: Mapping[str, Any] | None = None) -> dict[str, str | None]:
    """Return the likely columns {"text", "id", "label"}; None where nothing fits.

    known: the columns of the project's first file (`project.source_columns`), which win.
    """
    by_lower = {name.lower(): name for name in reversed(header)}
    found: dict[str, str | None] = {}
    for role, names in (("text", _TEXT_NAMES), ("id", _ID_NAMES), ("label", _LABEL_NAMES)):
        stored = str((known or {}).get(role) or "").lower()
        first = [stored, stored.removeprefix(_ORIGINAL)]
        candidates = [by_lower[name] for name in (*first, *names) if name in by_lower]
        taken = set(found.values())
        found[role] = next((name for name in candidates if name not in taken), None)
    return found


def choose(
    header: Sequence[str], wish: ColumnWish, known: Mapping[str, Any] | None = None
) -> ColumnChoice:
    """Return the columns asked for, the rest guessed.

    Raises ImportRefused when a column is missing or cannot be guessed.
    """
    guessed = guess(header, known)
    chosen = {"text": wish.text or guessed["text"], "id": wish.id or guessed["id"]}
    for role, name in chosen.items():
        if name is None:
            raise ImportRefused(
                f"line 1: no column looks like the {role}; say which one it is "
                f"(--{role}-column). The file has: {', '.join(header)}",
                line=1,
                column=role,
            )
    guessed_label = guessed["label"] if guessed["label"] not in chosen.values() else None
    choice = ColumnChoice(str(chosen["text"]), str(chosen["id"]), wish.label or guessed_label)
    choice.check(header)
    return choice


def is_own_export(header: Sequence[str]) -> bool:
    """Tell whether a file with this header was written by `export`, whatever the order by now."""
    return set(PROVENANCE) <= set(header)


def extra_columns(
    header: Sequence[str], choice: ColumnChoice, known: Mapping[str, Any] | None = None
) -> list[tuple[int, str]]:
    """Return place and stored name of each column that is kept along with the tweet.

    A name that an export uses for something else is stored with "original_" in front, once more
    where another column of the file is called so.
    """
    roles = {choice.text, choice.id, choice.label}
    used = {(known or {}).get(role) for role in ("text", "id", "label")}
    used |= {_exported(name) for name in roles if name is not None}
    own = is_own_export(header)
    kept = [
        (place, name)
        for place, name in enumerate(header)
        if name not in roles and not (own and name in PROVENANCE)
    ]
    free = {name for _, name in kept if _exported(name, used) == name}
    used |= free
    found = []
    for place, name in kept:
        stored = name if name in free else _exported(name, used)
        used.add(stored)
        found.append((place, stored))
    return found


def _exported(name: str, used: Collection[str | None] = ()) -> str:
    """Return the column's name in exports: none of theirs, none in use, the start of no formula."""
    taken = name in PROVENANCE or name in used or starts_formula(name)
    return _exported(_ORIGINAL + name, used) if taken else name


def source_columns(
    header: Sequence[str], choice: ColumnChoice, known: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the project's columns for exports once a file with this header is brought in.

    known: `project.source_columns` so far, {"text", "id", "label", "header", "imported",
    "labelled"}, or what its template expects. The first file decides the names, unless it fits
    the template; the first file that carries labels decides again, since it is the labelled
    original. Extra columns of later files come at the end.
    """
    extras = [name for _, name in extra_columns(header, choice, known)]
    decided = _fits(choice, known) or (
        known.get("imported") and (choice.label is None or known.get("labelled"))
    )
    columns = dict(known) if decided else _from_header(header, choice)
    names = list(columns["header"])
    roles = {columns[role] for role in ("text", "id", "label")}
    for name in [*known.get("header", []), *extras] if known.get("imported") else extras:
        if name not in names and name not in roles and not _is_role(name, known):
            names.append(name)
    return {
        **columns,
        "header": names,
        "imported": True,
        "labelled": bool(known.get("labelled")) or choice.label is not None,
    }


def _is_role(name: str, known: Mapping[str, Any]) -> bool:
    return name in {known.get(role) for role in ("text", "id", "label")}


def _fits(choice: ColumnChoice, known: Mapping[str, Any]) -> bool:
    return (choice.text, choice.id) == (known.get("text"), known.get("id")) and choice.label in (
        None,
        known.get("label"),
    )


def _from_header(header: Sequence[str], choice: ColumnChoice) -> dict[str, Any]:
    roles = {name: _exported(name) for name in (choice.text, choice.id, choice.label) if name}
    extras = {name for _, name in extra_columns(header, choice)}
    names = [roles.get(name, name) for name in header if name in roles or name in extras]
    label = roles[choice.label] if choice.label else None
    if label is None:
        label = DEFAULT_LABEL_COLUMN if DEFAULT_LABEL_COLUMN not in names else "gold_label"
        names.insert(0, label)
    return {"text": roles[choice.text], "id": roles[choice.id], "label": label, "header": names}
