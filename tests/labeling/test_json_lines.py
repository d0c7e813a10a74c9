"""JSON lines come in as CSV does: the same tweets, the same refusals, and what we exported."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from db.schema import Gold, ImportBatch, ImportReject, Project, Tweet
from db.sessions import reading, writing
from labeling import ahead, importing
from labeling.batches import ImportReport
from labeling.chunks import Source
from labeling.columns import ColumnWish
from labeling.creating import create_project
from labeling.errors import ImportRefused
from labeling.exporting import export
from labeling.file_reading import inspect
from labeling.importing import import_file, preview
from labeling.json_reading import MOST_MORE, BadEntry, entry_of
from labeling.records import FIELD_LIMIT
from labeling.templates import NewLabel
from trainer.errors import Cancelled

Bring = Callable[..., ImportReport]
Count = Callable[[type], int]

LINE = '{"sentiment": 1, "message": "Zoë 👩‍🔬 שלום", "tweetid": 623027391500000001}\n'
GOOD = {
    "as it comes": LINE,
    "with a mark": "\ufeff" + LINE,
    "CRLF and blank lines": "\r\n" + LINE.replace("\n", "\r\n") + "  \r\n",
    "no last line end": LINE.strip(),
    "labels and ids as text": LINE.replace(" 1,", ' "1",')
    .replace("623", '"623')
    .replace("1}", '1"}'),
    "escapes": json.dumps(json.loads(LINE)),
    "label by name": LINE.replace(" 1,", ' "pro",'),
    "in another order": json.dumps(dict(reversed(json.loads(LINE).items()))),
}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_every_usual_way_to_write_a_line_gives_the_same_tweet(
    bring: Bring, engine: Engine, content: str
) -> None:
    report = bring(content)
    assert (report.accepted, report.rejected) == (1, 0)
    with reading(engine) as session:
        tweet = session.scalars(select(Tweet)).one()
    assert (tweet.external_id, tweet.text) == ("623027391500000001", "Zoë 👩‍🔬 שלום")
    assert tweet.imported_label == "1"


def test_other_values_are_kept_as_they_are_written(bring: Bring, engine: Engine) -> None:
    first = (
        '{"id_str": "1", "full_text": "the sea rises", "lang": "en", "retweets": 1.50, '
        '"user": {"name": "a",  "n": 12345678901234567890}, "place": null, "quote": false}\n'
    )
    report = bring(first + '{"id_str": "2", "full_text": "=ice", "tags": ["x", "y"]}\n')
    assert (report.accepted, report.rejected) == (2, 0)
    with reading(engine) as session:
        one, other = session.scalars(select(Tweet).order_by(Tweet.id)).all()
    assert (one.text, one.external_id) == ("the sea rises", "1")
    assert one.extra == {
        "lang": "en",
        "retweets": "1.50",
        "user": '{"name": "a",  "n": 12345678901234567890}',
        "quote": "false",
    }
    assert other.text == "=ice"
    assert other.extra == {"tags": '["x", "y"]'}  # what a line lacks is not kept as blank


BAD_FILES = {
    "a list": ('[{"message": "a", "tweetid": 1}]', r"one list in JSON.*jq -c '.\[\]'"),
    "an object over several lines": (
        '{\n"message": "a",\n"tweetid": 1\n}\n',
        "one object a line",
    ),
    "a name that stands twice": ('{"message": "a", "message ": "b"}', "columns are called 'mess"),
    "a NUL in a name": ('{"message": "a"}\n{"x\\u0000": 1}', "line 2: the column's name.*NUL byte"),
    "a name that stands twice later": ('{"message": "a"}\n\n{"message ": "b"}', "line 3: two col"),
    "nothing that can be read": ('{"message": NaN}\n', "line 1: NaN is no number of JSON"),
    "empty objects": ("{}\n{}", "the objects in this file are empty"),
    "no text": ('{"data": [], "meta": {}}', "no column looks like the text.*data, meta"),
    "too many names": (
        "".join(f'{{"message": "a", "name {n}": 1}}\n' for n in range(MOST_MORE + 2)),
        "line 1002: up to here lines have 1,000 names that the first one has not",
    ),
    "a line too long": ('{"message": "' + "a" * 4_000_001 + '"}', "a line of over 4,000,000"),
}


@pytest.mark.parametrize("content, complaint", BAD_FILES.values(), ids=BAD_FILES)
def test_a_refused_file_leaves_no_row(
    bring: Bring, count: Count, content: str, complaint: str
) -> None:
    with pytest.raises(ImportRefused, match=complaint):
        bring(content)
    for table in (ImportBatch, ImportReject, Tweet, Gold):
        assert count(table) == 0


def test_an_encoding_is_as_strict_as_for_csv(bring: Bring) -> None:
    content = LINE.encode() + b'{"message": "caf\xe9", "tweetid": 2}\n'
    with pytest.raises(ImportRefused, match="line 2: the byte 0xE9 is not UTF-8"):
        bring(content)
    plain = LINE.replace("Zoë 👩‍🔬 שלום", "café")
    assert bring(plain.encode("utf-16"), encoding="utf-16").accepted == 1


BAD_LINES = {
    "not closed": ('{"message": "a", "tweetid": 1', "", "comma or the end of the object"),
    "a text not closed": ('{"message": "a', "", r"Unterminated string starting at character 13"),
    "two objects": ('{"message": "a"} {"message": "b"}', "", "something follows the object"),
    "no object": ("3", "", r"begins with '\{'"),
    "a name twice": ('{"message": "a", "message": "b"}', "", "the name 'message' stands twice"),
    "a comma too many": ('{"message": "a", }', "", "a name in quotes"),
    "no colon": ('{"message" "a"}', "", "a colon is expected, at character 12"),
    "no value": ('{"message": }', "", "Expecting value at character 13"),
    "no number": ('{"message": "a", "tweetid": NaN}', "", "NaN is no number of JSON"),
    "half a character": (r'{"message": "a\ud83d", "tweetid": 5}', "", r"half a char.*\\ud83d"),
    "too deep": ('{"message": ' + "[" * 100_000, "", "too deep"),
    "a line too long": (" " * 4_100_000 + "x", "", "a line of over"),
    "NUL in the text": (r'{"message": "a\u0000", "tweetid": 5}', "message", "NUL byte at char"),
    "a text that is missing": ('{"tweetid": 5}', "message", "the text is blank"),
    "a text that is null": ('{"message": null, "tweetid": 5}', "message", "the text is blank"),
    "a text that is a list": (
        '{"message": ["a"], "tweetid": 5}',
        "message",
        "no text and no number",
    ),
    "an id that is an object": ('{"message": "a", "tweetid": {"$n": 5}}', "tweetid", "no number"),
    "an id that is true": ('{"message": "a", "tweetid": true}', "tweetid", "true is no text"),
    "a NUL as it is": ('{"message": "a\0", "tweetid": 5}', "", "Invalid control character"),
    "a long name twice": (f'{{"{"n" * 500}": 1, "{"n" * 500}": 2}}', "", "^.{,100}$"),
    "an id that is a float": ('{"message": "a", "tweetid": 6.2e17}', "tweetid", "a float"),
    "an unknown label": (
        '{"message": "a", "tweetid": 5, "sentiment": 7}',
        "sentiment",
        "'7' is unknown",
    ),
    "a label as a float": (
        '{"message": "a", "tweetid": 5, "sentiment": 1.0}',
        "sentiment",
        "a float was written where '1'",
    ),
    "an over-long column": (
        '{"message": "a", "tweetid": 5, "user": [' + "1, " * 4_000 + "1]}",
        "user",
        "12,003 characters",
    ),
}


@pytest.mark.parametrize("row, column, reason", BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_kept_with_its_number_column_and_reason(
    bring: Bring, engine: Engine, row: str, column: str, reason: str
) -> None:
    report = bring(LINE + "\n" + row + '\n{"message": "good", "tweetid": 9}\n')
    assert (report.rows, report.accepted, report.rejected) == (3, 2, 1)
    with reading(engine) as session:
        reject = session.scalars(select(ImportReject)).one()
        ids = session.scalars(select(Tweet.external_id).order_by(Tweet.id)).all()
    assert (reject.line, reject.column) == (3, column)
    assert reject.raw == row[:2_000].rstrip().replace("\0", "\\0")
    assert re.search(reason, reject.reason)
    assert ids == ["623027391500000001", "9"]


def test_a_line_at_the_limit_is_whole_or_refused(bring: Bring, engine: Engine) -> None:
    start, end = '{"message": "a", "tweetid": 2}', '{"message": "lost", "tweetid": 3}'
    longest = start.ljust(FIELD_LIMIT)
    report = bring(LINE + longest + "\r\n" + longest + "\r" + end + "\n" + longest + " \n")
    assert (report.rows, report.accepted, report.rejected) == (4, 2, 2)
    with reading(engine) as session:
        reasons = session.scalars(select(ImportReject.reason)).all()
    assert all("a line of over" in reason for reason in reasons)


def test_a_preview_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text('{"id": 1, "text": "a"}\n' * 7 + '{"id": 8, "label": "pro"}\n')
    shown = preview(path)
    assert (shown.format, shown.records, shown.problems) == ("jsonl", 8, [])
    assert shown.header == ["id", "text", "label"]
    assert shown.rows == [["1", "a", ""]] * 5
    assert shown.guessed == {"text": "text", "id": "id", "label": "label"}


def test_a_stopped_import_goes_on_behind_what_it_stored(
    bring: Bring, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 10)
    content = "".join(f'{{"message": "text {n}", "tweetid": {n + 1}}}\n' for n in range(35))
    with pytest.raises(Cancelled):
        bring(content, should_stop=lambda: count(Tweet) >= 20)
    assert count(Tweet) == 20
    report = bring(content)
    assert (report.rows, report.accepted, count(Tweet), count(ImportBatch)) == (35, 35, 35, 1)
    assert bring(content).accepted == 0


def test_as_many_columns_as_the_first_line_has_come_back(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    wide = {"message": "a", "tweetid": 1} | {f"column {n}": "x" for n in range(MOST_MORE + 5)}
    assert bring(json.dumps(wide)).accepted == 1
    out = tmp_path / "out.jsonl"
    export(out, engine=engine, project_name="climate", rows="all", format="jsonl")
    again = import_file(out, engine=engine, project_name="climate")
    assert (again.accepted, again.duplicates) == (0, 1)


def test_an_export_that_another_program_wrote_anew_is_known_as_ours(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    """Keys in another order, and a CSV's rows as objects: apostrophes go as they came."""
    text = "@you the ice melts"
    bring(json.dumps({"sentiment": "1", "message": text, "tweetid": "1"}))
    for format, name in (("jsonl", "sorted"), ("csv", "turned")):
        out = tmp_path / f"out.{format}"
        export(out, engine=engine, project_name="climate", format=format)
        lines = out.read_text().splitlines()
        row = json.loads(lines[0]) if format == "jsonl" else next(csv.DictReader(lines))
        out.write_text(json.dumps(row, sort_keys=True))
        with writing(engine) as session:
            create_project(name, session=session, template="climate")
        assert import_file(out, engine=engine, project_name=name).accepted == 1
        with reading(engine) as session:
            query = select(Tweet).join(Project).where(Project.name == name)
            tweet = session.scalars(query).one()
        assert (tweet.text, tweet.imported_label, tweet.extra) == (text, "1", None)


TEXTS = ["@you =1+1", "=HYPERLINK(1)", "'=already", "two\nlines", "a lone\rreturn", 'say ""hi""']


def test_an_export_as_json_lines_comes_back_as_one_as_csv_does(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    rows = (
        json.dumps({"when": f"day {n}", "message": text, "tweetid": n + 1, "sentiment": n % 3 - 1})
        for n, text in enumerate(TEXTS)
    )
    bring("\n".join(rows))
    again = {}
    for format in ("csv", "jsonl"):
        out = tmp_path / f"out.{format}"
        export(out, engine=engine, project_name="climate", rows="all", format=format)
        nothing = import_file(out, engine=engine, project_name="climate")
        assert (nothing.accepted, nothing.duplicates, nothing.rejected) == (0, len(TEXTS), 0)
        with writing(engine) as session:
            create_project(format, session=session, template="climate")
        assert import_file(out, engine=engine, project_name=format).accepted == len(TEXTS)
        with reading(engine) as session:
            tweets = session.scalars(
                select(Tweet).join(Project).where(Project.name == format).order_by(Tweet.id)
            )
            again[format] = [(one.external_id, one.text, one.imported_label) for one in tweets]
        export(tmp_path / f"{format}.csv", engine=engine, project_name=format, rows="all")
    assert again["jsonl"] == again["csv"]
    assert [text for _, text, _ in again["jsonl"]] == TEXTS
    headers = [(tmp_path / f"{name}.csv").read_text().split("\n")[0] for name in again]
    assert headers[0] == headers[1]


def test_a_large_file_is_read_ahead_as_well(bring: Bring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "FEWEST_RECORDS", 1)
    monkeypatch.setattr(ahead, "cores", lambda: 2)
    started = []
    start = ahead._start

    def note(source: Source, skip: int) -> "subprocess.Popen[bytes]":
        started.append(source)
        return start(source, skip)

    monkeypatch.setattr(ahead, "_start", note)
    content = "".join(f'{{"message": "text {n}", "tweetid": {n + 1}}}\n' for n in range(50))
    assert bring(content).accepted == 50
    assert len(started) == 1


def test_the_command_brings_in_json_lines(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        create_project(
            "own", session=session, labels=[NewLabel("a", "A"), NewLabel("b", "B")], template=None
        )
    (tmp_path / "in.jsonl").write_text('{"body": "x", "key": 1, "says": "a"}\n')
    command = [sys.executable, "-m", "labeling", "import", str(tmp_path / "in.jsonl"), "--json"]
    command += ["--project", "own", "--text-column", "body", "--id-column", "key"]
    done = subprocess.run(
        [*command, "--label-column", "says"],
        capture_output=True,
        text=True,
        env={"RELABEL_DATA": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["accepted"] == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(entry=st.dictionaries(st.text(), _JSON, max_size=5), ascii=st.booleans())
@settings(max_examples=300, deadline=None)
def test_a_line_is_read_as_python_reads_it(entry: dict[str, Any], ascii: bool) -> None:
    entry = json.loads(json.dumps(entry))  # no number that JSON has not
    line = json.dumps(entry, ensure_ascii=ascii)
    try:
        found = entry_of(line).values
    except BadEntry:
        assert "Infinity" in line
        return
    assert list(found) == list(entry)
    for name, value in entry.items():
        if isinstance(value, str):
            assert found[name] == value
        elif value is None:
            assert found[name] == ""
        else:
            assert json.loads(found[name]) == value


@given(content=st.text(alphabet='{}[]",:\\ \n\r\t\0ud8a1e-+.n', max_size=60))
@example('{"a": 1}\n{')
@settings(max_examples=500, deadline=None)
def test_any_line_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: str
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a"
    path.write_text('{"message": "a", "tweetid": 1}\n' + content, newline="")
    try:
        facts = inspect(path)
    except ImportRefused:
        return
    assert facts.format == "jsonl"
    assert facts.records == 1 + sum(bool(line.strip()) for line in content.split("\n"))


def test_a_wish_for_columns_holds_for_names_of_json(bring: Bring, engine: Engine) -> None:
    line = '{"text": "not this", "said": "this", "id": 1, "tweet": 2}\n'
    bring(line, columns=ColumnWish(text="said", id="tweet"))
    with reading(engine) as session:
        tweet = session.scalars(select(Tweet)).one()
    assert (tweet.external_id, tweet.text) == ("2", "this")
