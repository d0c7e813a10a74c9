"""What a file may do wrong: refused with line, column, value and next step, nothing half done."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from db.schema import DuplicateGroup, Gold, ImportBatch, ImportReject, Tweet
from db.sessions import reading
from labeling.errors import ImportRefused
from labeling.file_reading import inspect
from labeling.importing import ColumnWish, ImportReport, preview

Bring = Callable[..., ImportReport]
Count = Callable[[type], int]

HEADER = "sentiment,message,tweetid\n"

WHOLE_FILES = {
    "wrong encoding": (
        HEADER.encode() + b"1,fine,1\n1,caf\xe9,2\n",
        r"line 3: the byte 0xE9 is not UTF-8; save the file as UTF-8, or say which encoding",
    ),
    "cut in a character": (HEADER.encode() + "1,é".encode()[:-1], "line 2: the byte 0xC3"),
    "utf-16 with a mark": ((HEADER + "1,a,1\n").encode("utf-16"), "UTF-16.*encoding is utf-16"),
    "utf-16 without a mark": ((HEADER + "1,a,1\n").encode("utf-16-le"), "NUL byte.*utf-16-le"),
    "nothing but NUL": (b"\0" * 100, "NUL byte"),
    "empty": (b"", "empty"),
    "a mark alone": (b"\xef\xbb\xbf", "empty"),
    "header only": (HEADER.encode(), "no rows"),
    "header and blank lines": (HEADER.encode() + b"\n\r\n", "no rows"),
    "duplicate header": (b"message,tweetid,message\na,1,b\n", "two columns are called 'message'"),
    "no text column": (b"sentiment,words,tweetid\n1,a,1\n", r"no column looks like the text"),
    "no id column": (b"sentiment,message\n1,a\n", r"no column looks like the id.*--id-column"),
    "a quote never closed": (HEADER.encode() + b'1,"a,1\n1,b,2\n', "line 2: a quote is opened"),
    "a field too long": (
        HEADER.encode() + b'1,"' + b"a" * 4_100_000 + b'",1\n',
        "line 2: a field of over 4,000,000 letters, or a quote",
    ),
    "a spreadsheet": (b"PK\x03\x04rest", "save it as CSV"),
}


@pytest.mark.parametrize("content, complaint", WHOLE_FILES.values(), ids=WHOLE_FILES)
def test_a_refused_import_leaves_no_row(
    bring: Bring, count: Count, content: bytes, complaint: str
) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        bring(content)
    for table in (ImportBatch, ImportReject, Tweet, DuplicateGroup, Gold):
        assert count(table) == 0


ROWS = {
    "unknown label": ("5,a,1\n", "sentiment", r"label '5' is unknown; the labels are: -1 \(Anti"),
    "label as a float": ("1.0,a,1\n", "sentiment", "a float was written where '1' was meant"),
    "blank text": ("1, \t ,1\n", "message", "the text is blank"),
    "no text": ("1,,1\n", "message", "the text is blank"),
    "NUL in the text": ("1,a\0b,1\n", "message", "a NUL byte at character 2"),
    "NUL in the id": ("1,a,1\0\n", "tweetid", "control character"),
    "blank id": ("1,a, \n", "tweetid", "the id is blank"),
    "E notation": ("1,a,1.29E+18\n", "tweetid", r"'1.29E\+18'.*export the ids as text"),
    "E notation with a comma": ('1,a,"1,29e18"\n', "tweetid", "export the ids as text"),
    "id as a float": ("1,a,625221.0\n", "tweetid", "export the ids as text"),
    "id with a line break": ('1,a,"1\n2"\n', "tweetid", "control character"),
    "id too long": (f"1,a,{'9' * 65}\n", "tweetid", "65 characters"),
    "id that is a formula": ("1,a,=A1\n", "tweetid", "begins like a formula"),
    "over-long text": (f"1,{'x' * 10_001},1\n", "message", "10,001 characters; at most 10,000"),
    "a megabyte of text": (f"1,{'x' * 1_048_576},1\n", "message", "1,048,576 characters"),
    "NUL in a row too long": ("1,a\0b,1,more\n", "", "4 fields instead of 3"),
    "too many fields": ("1,a,1,more\n", "", "4 fields instead of 3"),
    "too few fields": ("1,a\n", "", "2 fields instead of 3"),
    "a quote not doubled": ('1,"say "hi" now",1\n', "", "not doubled"),
}


@pytest.mark.parametrize("row, column, reason", ROWS.values(), ids=ROWS)
def test_a_bad_row_is_kept_with_line_column_and_reason(
    bring: Bring, engine: Engine, row: str, column: str, reason: str
) -> None:
    report = bring(HEADER + '1,"two\nlines",100\n' + row + "2,good,200\n")
    assert (report.rows, report.accepted, report.rejected) == (3, 2, 1)
    with reading(engine) as session:
        reject = session.scalars(select(ImportReject)).one()
        ids = session.scalars(select(Tweet.external_id).order_by(Tweet.id)).all()
    assert (reject.line, reject.column) == (4, column)
    assert reject.raw
    assert re.search(reason, reject.reason)
    assert ids == ["100", "200"]


def test_a_file_of_bad_rows_only_is_refused_with_the_first_of_them(
    bring: Bring, count: Count
) -> None:
    with pytest.raises(ImportRefused, match=r"none of the 2 rows.*line 2, column 'sentiment'"):
        bring(HEADER + "9,a,1\n9,b,2\n")
    assert count(Tweet) == 0
    assert count(DuplicateGroup) == 0
    assert count(ImportReject) == 2


GOOD_FILES = {
    "utf-8": (HEADER + "1,Zoë 👩‍🔬 שלום,1\n").encode(),
    "utf-8 with a mark": b"\xef\xbb\xbf" + (HEADER + "1,Zoë 👩‍🔬 שלום,1\n").encode(),
    "CRLF": (HEADER + "1,Zoë 👩‍🔬 שלום,1\n").replace("\n", "\r\n").encode(),
    "lone CR": (HEADER + "1,Zoë 👩‍🔬 שלום,1\n").replace("\n", "\r").encode(),
    "semicolons": "sentiment;message;tweetid\n1;Zoë 👩‍🔬 שלום;1\n".encode(),
    "tabs": "sentiment\tmessage\ttweetid\n1\tZoë 👩‍🔬 שלום\t1\n".encode(),
    "everything quoted": '"sentiment","message","tweetid"\n"1","Zoë 👩‍🔬 שלום","1"\n'.encode(),
    "no last line end": (HEADER + "1,Zoë 👩‍🔬 שלום,1").encode(),
    "blanks around label and id": (HEADER + " 1 ,Zoë 👩‍🔬 שלום, 1 \n").encode(),
    "label by name": (HEADER + "pro,Zoë 👩‍🔬 שלום,1\n").encode(),
    "blank lines": (HEADER + "\n\n1,Zoë 👩‍🔬 שלום,1\n\n").encode(),
}


@pytest.mark.parametrize("content", GOOD_FILES.values(), ids=GOOD_FILES)
def test_every_usual_way_to_write_a_file_gives_the_same_tweet(
    bring: Bring, engine: Engine, content: bytes
) -> None:
    report = bring(content)
    assert (report.accepted, report.rejected) == (1, 0)
    with reading(engine) as session:
        tweet = session.scalars(select(Tweet)).one()
    assert (tweet.external_id, tweet.text) == ("1", "Zoë 👩‍🔬 שלום")
    assert tweet.imported_label == "1"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_another_encoding_is_read_when_it_is_named(
    bring: Bring, engine: Engine, encoding: str
) -> None:
    assert bring((HEADER + "1,café,1\n").encode(encoding), encoding=encoding).accepted == 1
    with reading(engine) as session:
        assert session.scalars(select(Tweet.text)).one() == "café"


def test_a_wrong_or_unknown_encoding_is_refused(bring: Bring, count: Count) -> None:
    with pytest.raises(ImportRefused, match="0x81 is not cp1252"):
        bring((HEADER).encode() + b"1,\x81,1\n", encoding="cp1252")
    with pytest.raises(ImportRefused, match="'klingon' is not known"):
        bring(HEADER + "1,a,1\n", encoding="klingon")
    assert count(ImportBatch) == 0


def test_a_named_column_must_be_there_and_have_one_use(bring: Bring) -> None:
    with pytest.raises(ImportRefused, match=r"no column 'body'; the file has: sentiment, message"):
        bring(HEADER + "1,a,1\n", columns=ColumnWish(text="body"))
    with pytest.raises(ImportRefused, match="chosen for two things"):
        bring(HEADER + "1,a,1\n", columns=ColumnWish(text="message", id="message"))


def test_a_preview_tells_problems_instead_of_raising(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER.encode() + b"1,caf\xe9,2\n")
    assert "0xE9" in preview(path).problems[0]
    path.write_text(HEADER + "".join(f"1,text {n},{n}\n" for n in range(9)))
    shown = preview(path)
    assert (shown.problems, shown.records, len(shown.rows)) == ([], 9, 5)
    assert shown.guessed == {"text": "message", "id": "tweetid", "label": "sentiment"}
    assert not shown.own_export


@given(content=st.binary(max_size=400))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_bytes(content)
    try:
        records = inspect(path).records
    except ImportRefused:
        return
    assert records > 0


_CELLS = st.text(alphabet="a1\",;\t\n\r'\0=é. E+", max_size=8)


@given(rows=st.lists(st.lists(_CELLS, min_size=1, max_size=4), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_whatever_the_rows_hold_accepted_and_rejected_make_up_all(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    from small_store import make_store

    from labeling.importing import import_file

    directory = tmp_path_factory.mktemp("fuzz")
    path = directory / "a.csv"
    path.write_bytes((HEADER + "\n".join(",".join(row) for row in rows)).encode())
    store = make_store(directory)
    try:
        report = import_file(path, engine=store.engine, project_name=store.name)
    except ImportRefused:
        return
    finally:
        store.engine.dispose()
    assert report.rows == report.accepted + report.duplicates + report.rejected


def test_utf_16_without_a_mark_asks_which_way_round_it_is(bring: Bring) -> None:
    with pytest.raises(ImportRefused, match=r"utf-16-le \(most files\) or utf-16-be"):
        bring((HEADER + "1,a,1\n").encode("utf-16-le"), encoding="utf-16")
