"""T8: every encoding, line end and shape of a file has one outcome, told with line and reason.

Seen to fail when labeling.csv_reading decoded with errors="replace" (silent replacement signs).
"""

from pathlib import Path

import pytest
from imports import HEADER, bring, climate_store, rejects_of, texts_of

from labeling.errors import ImportRefused

TEXT = "Zoë 👩‍🔬 שלום"
PLAIN = HEADER + f"1,{TEXT},1\n"
TAKEN: dict[str, tuple[bytes, str | None, str]] = {
    "utf-8": (PLAIN.encode(), None, TEXT),
    "utf-8 with a mark": (b"\xef\xbb\xbf" + PLAIN.encode(), None, TEXT),
    "utf-16 LE, named": (PLAIN.encode("utf-16-le"), "utf-16-le", TEXT),
    "utf-16 BE, named": (PLAIN.encode("utf-16-be"), "utf-16-be", TEXT),
    "utf-16 with a mark, named": (PLAIN.encode("utf-16"), "utf-16", TEXT),
    "cp1252, named": (HEADER.encode() + b"1,caf\xe9 \x80,1\n", "cp1252", "café €"),
    "latin-1, named": (HEADER.encode() + b"1,caf\xe9,1\n", "latin-1", "café"),
    "lone CR": (PLAIN.replace("\n", "\r").encode(), None, TEXT),
    "CRLF": (PLAIN.replace("\n", "\r\n").encode(), None, TEXT),
    "embedded newline": ((HEADER + '1,"two\nlines",1\n').encode(), None, "two\nlines"),
    "semicolons": (PLAIN.replace(",", ";").encode(), None, TEXT),
    "tabs": (PLAIN.replace(",", "\t").encode(), None, TEXT),
    "a replacement sign that was there": ((HEADER + "1,a\ufffd,1\n").encode(), None, "a\ufffd"),
}
REFUSED: dict[str, tuple[bytes, str]] = {
    "cp1252, not named": (HEADER.encode() + b"1,fine,1\n1,caf\xe9,2\n", "line 3"),
    "utf-16, not named": (PLAIN.encode("utf-16"), "UTF-16"),
    "NUL only": (b"\0" * 64, "NUL"),
    "empty": (b"", "empty"),
    "header only": (HEADER.encode(), "line 1|no rows"),
    "duplicate header": (b"message,tweetid,message\na,1,b\n", "two columns"),
    "a megabyte in a field": ((HEADER + f"1,{'x' * 2**20},1\n").encode(), "line 2.*characters"),
    "NUL in a text": ((HEADER + "1,a\0b,1\n").encode(), "line 2.*NUL"),
}


def test_each_file_has_its_one_outcome(tmp_path: Path, tell) -> None:
    wrong, replaced = [], 0
    for number, (name, (content, encoding, expected)) in enumerate(TAKEN.items()):
        directory = tmp_path / str(number)
        directory.mkdir()
        engine = climate_store(directory)
        outcome = bring(content, directory / "a.csv", engine, encoding)
        found = texts_of(engine)
        if isinstance(outcome, ImportRefused) or found != {"1": expected} or rejects_of(engine):
            wrong.append((name, outcome, found))
        replaced += sum("\ufffd" in text for text in found.values()) - ("\ufffd" in expected)
        engine.dispose()
    for number, (name, (content, reason)) in enumerate(REFUSED.items(), start=100):
        directory = tmp_path / str(number)
        directory.mkdir()
        engine = climate_store(directory)
        outcome = bring(content, directory / "a.csv", engine)
        with pytest.raises(ImportRefused, match=f"(?s){reason}"):
            raise outcome if isinstance(outcome, ImportRefused) else AssertionError(name)
        if texts_of(engine):
            wrong.append((name, outcome, texts_of(engine)))
        engine.dispose()
    tell(
        "encodings",
        done={"files": len(TAKEN) + len(REFUSED)},
        lost={"wrong outcomes": len(wrong), "silent replacements": replaced},
    )
    assert wrong == []
    assert replaced == 0
