"""The letters of a file that somebody brings in: decoded strictly, nothing replaced by a guess."""

import codecs
import hashlib
from pathlib import Path

from labeling.errors import EncodingRefused, ImportRefused

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1")
_BLOCK = 1 << 20


def codec_of(encoding: str) -> str:
    """Return Python's name of an encoding; UTF-8 may begin with a byte-order mark."""
    return "utf-8-sig" if encoding == "utf-8" else encoding


def decode_all(path: Path, encoding: str | None) -> tuple[str, int]:
    """Decode the whole file strictly; return its SHA-256 and its size in bytes.

    encoding: one of ENCODINGS; None means UTF-8, with or without a byte-order mark.
    Raises ImportRefused, naming the line, for another encoding or a format that is no text.
    """
    if encoding is not None and encoding not in ENCODINGS:
        raise ImportRefused(
            f"the encoding {encoding!r} is not known; choose one of {', '.join(ENCODINGS)}"
        )
    digest, size, line = hashlib.sha256(), 0, 1
    decoder = codecs.getincrementaldecoder(codec_of(encoding or "utf-8"))("strict")
    try:
        with path.open("rb") as binary:
            while block := binary.read(_BLOCK):
                if size == 0:
                    _refuse_other_formats(block, encoding)
                digest.update(block)
                size += len(block)
                try:
                    text = decoder.decode(block)
                except UnicodeDecodeError as error:
                    before = error.object[: error.start].decode(
                        codec_of(encoding or "utf-8"), "ignore"
                    )
                    _refuse_encoding(line + before.count("\n"), error, encoding)
                except UnicodeError as error:  # what Python says of UTF-16 without such a mark
                    raise EncodingRefused(
                        "line 1: the file does not begin with a byte-order mark; say which way "
                        "round its letters are: utf-16-le (most files) or utf-16-be",
                        line=1,
                    ) from error
                line += text.count("\n")
            try:
                decoder.decode(b"", final=True)
            except UnicodeDecodeError as error:
                _refuse_encoding(line, error, encoding)
    except OSError as error:
        raise ImportRefused(f"{path.name} cannot be read: {error.strerror}") from error
    return digest.hexdigest(), size


def _refuse_encoding(line: int, error: UnicodeDecodeError, encoding: str | None) -> None:
    value = error.object[error.start : error.start + 1].hex().upper()
    raise EncodingRefused(
        f"line {line}: the byte 0x{value} is not {encoding or 'UTF-8'}; save the file as UTF-8, "
        f"or say which encoding it has ({', '.join(ENCODINGS[1:])})",
        line=line,
        value=f"0x{value}",
    ) from error


def _refuse_other_formats(start: bytes, encoding: str | None) -> None:
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise ImportRefused(
            "this is a spreadsheet or an archive, not a CSV file; save it as CSV (UTF-8), with "
            "the ids as text",
            line=1,
        )
    if encoding is None and start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EncodingRefused(
            "line 1: this file is UTF-16, not UTF-8; save it as UTF-8, or say that its encoding "
            "is utf-16",
            line=1,
        )
    if encoding is None and b"\0" in start.split(b"\n", 1)[0]:
        raise EncodingRefused(
            "line 1: the header holds a NUL byte, so this is no UTF-8 text; save the file as CSV "
            "in UTF-8, or say which encoding it has (utf-16-le, utf-16-be)",
            line=1,
            value="\\0",
        )
