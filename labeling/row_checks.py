"""What a single row must be like, and the sentence that tells why it is not."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from labeling.columns import FORMAT, MARKER, RAW_FORMAT, ColumnChoice, is_own_export
from labeling.formula import starts_formula, unescape
from labeling.records import RAW_KEPT, Record

MAX_TEXT = 10_000
MAX_ID = 64
_NUMBER_DAMAGE = re.compile(r"[+-]?\d+(?:[.,]\d*)?[eE][+-]?\d+|\d+[.,]\d*", re.ASCII)
_ROUNDED = re.compile(r"\d{14,}000", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class NewTweet:
    """A row that may be stored. label None: the row carries none."""

    external_id: str
    text: str
    label: str | None
    extra: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that may not be stored: line in the file, column, reason, and the row itself."""

    line: int
    column: str
    reason: str
    raw: str


class _Refused(Exception):
    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@dataclass(frozen=True)
class RowCheck:
    """Judges the records of one file.

    labels: value -> name of the labels that rows may carry. extras: place and stored name of
    the columns that are kept along. sparse: rows need not have them all, and keep what they have.
    """

    header: Sequence[str]
    columns: ColumnChoice
    labels: Mapping[str, str]
    extras: Sequence[tuple[int, str]] = ()
    sparse: bool = False
    _places: tuple[int, int, int] = field(init=False)
    _marker: int = field(init=False)
    _by_name: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        header, columns = list(self.header), self.columns
        label = -1 if columns.label is None else header.index(columns.label)
        places = (header.index(columns.text), header.index(columns.id), label)
        object.__setattr__(self, "_places", places)
        marker = header.index(MARKER) if is_own_export(header) else -1
        object.__setattr__(self, "_marker", marker)
        by_name = {name.casefold(): value for value, name in self.labels.items()}
        object.__setattr__(self, "_by_name", by_name)

    def judge(self, record: Record) -> NewTweet | Reject:
        """Return the tweet of a record, or why there is none."""
        if record.problem:
            return Reject(record.line, "", record.problem, _without_nul(record.raw))
        try:
            self._refuse_nested(record)
            return self._read(record.fields)
        except _Refused as refused:
            raw = record.raw or ",".join(map(_quoted, record.fields))[:RAW_KEPT]
            return Reject(record.line, refused.column, refused.reason, _without_nul(raw))

    def _refuse_nested(self, record: Record) -> None:
        if not record.nested:
            return
        text, id, _ = self._places
        for place, column in ((text, self.columns.text), (id, self.columns.id)):
            if place in record.nested:
                value = record.fields[place][:MAX_ID]
                raise _Refused(column, f"{value} is no text and no number")

    def _read(self, fields: list[str]) -> NewTweet:
        text_place, id_place, label_place = self._places
        plain = self._unescape(fields)
        external_id = self._id(fields[id_place].strip())
        text = plain(fields[text_place])
        if not text or text.isspace():
            raise _Refused(self.columns.text, "the text is blank")
        self._check_text(self.columns.text, text)
        label = self._label(fields[label_place].strip()) if label_place >= 0 else None
        if not self.extras:
            return NewTweet(external_id, text, label, None)
        extra = {
            name: plain(fields[place])
            for place, name in self.extras
            if fields[place] or not self.sparse
        }
        for name, value in extra.items():
            self._check_text(name, value)
        return NewTweet(external_id, text, label, extra)

    def _unescape(self, fields: list[str]) -> Callable[[str], str]:
        if self._marker < 0 or fields[self._marker] == RAW_FORMAT:
            return str
        if fields[self._marker] != FORMAT:
            raise _Refused(
                MARKER,
                f"the export format is {fields[self._marker]!r}; this version of Relabel reads "
                f"{FORMAT!r} and {RAW_FORMAT!r}",
            )
        return unescape

    def _check_text(self, column: str, value: str) -> None:
        if len(value) > MAX_TEXT:
            raise _Refused(column, f"{len(value):,} characters; at most {MAX_TEXT:,} are allowed")
        if "\0" in value:
            raise _Refused(column, f"a NUL byte at character {value.index(chr(0)) + 1}; remove it")

    def _id(self, value: str) -> str:
        column = self.columns.id
        if value.isdigit() and len(value) <= MAX_ID:
            return value
        if not value:
            raise _Refused(column, "the id is blank")
        if len(value) > MAX_ID:
            raise _Refused(column, f"the id has {len(value)} characters; at most {MAX_ID}")
        if _CONTROL.search(value):
            raise _Refused(column, f"the id {value!r} holds a control character")
        if _NUMBER_DAMAGE.fullmatch(value):
            raise _Refused(
                column,
                f"the id {value!r} went through a spreadsheet or a float and lost its digits; "
                "export the ids as text",
            )
        if starts_formula(value) or value.startswith(("-", "+")):
            raise _Refused(column, f"the id {value!r} begins like a formula")
        return value

    def _label(self, value: str) -> str | None:
        if value in self.labels:
            return value
        if not value:
            return None
        by_name = self._by_name.get(value.casefold())
        if by_name is not None:
            return by_name
        known = ", ".join(f"{value} ({name})" for value, name in self.labels.items())
        hint = ""
        if value.endswith(".0") and value[:-2] in self.labels:
            hint = f"; a float was written where {value[:-2]!r} was meant"
        raise _Refused(
            str(self.columns.label),
            f"the label {value[:MAX_ID]!r} is unknown{hint}; the labels are: {known}",
        )


def looks_rounded(external_id: str) -> bool:
    """Tell whether an id has 17 digits or more and ends in 000, as spreadsheets leave them."""
    return _ROUNDED.fullmatch(external_id) is not None


def _without_nul(raw: str) -> str:
    """Return what may be stored of a record: PostgreSQL keeps no NUL."""
    return raw.replace("\0", "\\0")


def _quoted(cell: str) -> str:
    if any(sign in cell for sign in '",\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell
