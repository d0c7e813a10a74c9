import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_store import Store, make_store
from sqlalchemy import Engine, select

from db.projects import get_project
from db.schema import AuditEntry, DuplicateGroup, Gold, ImportReject, Tweet
from db.sessions import reading, writing
from labeling.columns import PROVENANCE, ColumnWish
from labeling.creating import create_project
from labeling.errors import ExportError
from labeling.exporting import export
from labeling.importing import ImportReport, import_file
from labeling.templates import NewLabel
from trainer.errors import Cancelled

Bring = Callable[..., ImportReport]
Count = Callable[[type], int]
MakeStore = Callable[..., Store]

HEADER = "sentiment,message,tweetid\n"
LABELS = (NewLabel("1", "Pro"), NewLabel("-1", "Anti"))
TEXTS = [
    "@you =1+1",
    "=HYPERLINK(1)",
    "'=already",
    "-1 degree",
    "＝full width",
    "two\nlines",
    "a lone\rreturn",
    "The pope$q$s “view” 🙄",
    'say ""hi""',
]


def as_file(texts: list[str]) -> str:
    rows = (f'{n % 3 - 1},"{text}",{10**18 + n}\n' for n, text in enumerate(texts))
    return HEADER + "".join(rows)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def take(engine: Engine, path: Path, **options: Any) -> list[dict[str, str]]:
    report = export(path, engine=engine, project_name="climate", **options)
    rows = read(path)
    assert report.rows == len(rows)
    return rows


def test_an_export_starts_with_the_columns_of_the_data_set(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    bring(as_file(["hello", "there"]))
    rows = take(engine, tmp_path / "out.csv")
    assert tuple(rows[0]) == ("sentiment", "message", "tweetid", *PROVENANCE)
    assert [row["sentiment"] for row in rows] == ["-1", "0"]
    assert [row["label_name"] for row in rows] == ["Anti", "Neutral"]
    assert {row["source"] for row in rows} == {"imported"}
    assert {row["reviewed"] for row in rows} == {"false"}
    assert {row["export_format"] for row in rows} == {"1"}


def test_no_text_starts_a_formula_and_labels_and_ids_are_untouched(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    bring(as_file(TEXTS))
    rows = take(engine, tmp_path / "out.csv")
    assert not any(row["message"].startswith(tuple("=+-@＝＋－＠\t\r\n")) for row in rows)
    assert rows[0]["sentiment"] == "-1"
    assert [row["tweetid"] for row in rows] == [str(10**18 + n) for n in range(len(TEXTS))]


@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("which", ["gold", "all"])
def test_importing_an_export_changes_nothing(
    bring: Bring, engine: Engine, tmp_path: Path, raw: bool, which: str
) -> None:
    bring(as_file(TEXTS) + ",not labelled,5\n")
    before = everything(engine)
    take(engine, tmp_path / "out.csv", raw=raw, rows=which)
    report = import_file(tmp_path / "out.csv", engine=engine, project_name="climate")
    assert (report.accepted, report.rejected, report.groups) == (0, 0, 0)
    assert everything(engine) == before


def everything(engine: Engine) -> dict[str, Any]:
    with reading(engine) as session:
        found: dict[str, Any] = {
            table.__tablename__: session.execute(
                select(*table.__table__.columns).order_by(*table.__table__.primary_key)
            ).all()
            for table in (Tweet, DuplicateGroup, Gold, ImportReject)
        }
        found["columns"] = get_project("climate", session=session).source_columns
        return found


@pytest.mark.parametrize("raw", [False, True])
def test_an_export_brings_a_new_project_to_the_same_texts_and_labels(
    bring: Bring, engine: Engine, tmp_path: Path, raw: bool
) -> None:
    bring(as_file([text.replace('""', '"').replace('"', '""') for text in TEXTS]))
    with writing(engine) as session:
        create_project("copy", session=session, template="climate")
    take(engine, tmp_path / "out.csv", raw=raw)
    report = import_file(tmp_path / "out.csv", engine=engine, project_name="copy")
    assert report.accepted == len(TEXTS)
    with reading(engine) as session:
        query = select(Tweet.external_id, Tweet.text, Tweet.imported_label, Tweet.extra)
        ids = {name: get_project(name, session=session).id for name in ("climate", "copy")}
        first, second = (
            session.execute(query.where(Tweet.project_id == id).order_by(Tweet.id)).all()
            for id in ids.values()
        )
    assert first == second


def test_a_raw_export_leaves_texts_as_they_are(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    bring(as_file(["@you there"]))
    rows = take(engine, tmp_path / "out.csv", raw=True)
    assert rows[0]["message"] == "@you there"
    assert rows[0]["export_format"] == "1-raw"


def test_other_columns_come_back_where_they_stood(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    bring("id,score,text,label,source\n1,-0.5,hello,1,=web\n")
    row = take(engine, tmp_path / "out.csv")[0]
    assert list(row)[:5] == ["id", "score", "text", "label", "original_source"]
    assert (row["score"], row["original_source"]) == ("-0.5", "'=web")
    assert import_file(tmp_path / "out.csv", engine=engine, project_name="climate").accepted == 0


def test_answers_stand_beside_the_label_with_what_was_suggested(
    store_of: MakeStore, tmp_path: Path
) -> None:
    store = store_of((2, 1, 1), splits=("train",))
    item = store.ask(count=1)[0]
    store.label(item, "2", shown=True, seconds=2.5)
    store.act("comment", item.tweet_id, comment="=odd")
    assert item.suggestion is not None
    rows = take(store.engine, tmp_path / "out.csv", rows="all")
    answered = next(row for row in rows if row["annotators"])
    assert answered["label"] == "2"
    assert answered["source"] == "single"
    assert answered["annotators"] == "ann"
    assert (answered["reviewed"], answered["suggestion_shown"]) == ("true", "true")
    assert answered["predicted_label"] == item.suggestion.label
    assert answered["changed"] == ("true" if item.suggestion.label != "2" else "false")
    assert (answered["seconds"], answered["comment"]) == ("2.5", "'=odd")
    assert (answered["model_version"], answered["queue_reason"]) == ("1", "least_confident")
    twin = next(row for row in rows if row["source"] == "propagated")
    assert (twin["label"], twin["reviewed"], twin["annotators"]) == ("2", "false", "")
    assert twin["duplicate_group"] == answered["duplicate_group"]


def test_rows_are_chosen_by_what_is_known_of_them(store_of: MakeStore, tmp_path: Path) -> None:
    store = store_of((1, 1, 1))
    store.label(store.ask(count=1)[0], "1")
    path = tmp_path / "out.csv"
    assert len(take(store.engine, path, rows="all")) == 3
    assert [row["label"] for row in take(store.engine, path, rows="gold")] == ["1"]
    predicted = take(store.engine, path, rows="predicted")
    assert [row["label"] for row in predicted] == ["", ""]
    assert all(row["predicted_label"] and row["confidence"] for row in predicted)


def test_json_lines_keep_every_text_and_type(bring: Bring, engine: Engine, tmp_path: Path) -> None:
    bring(as_file(TEXTS))
    export(tmp_path / "out.jsonl", engine=engine, project_name="climate", format="jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[0]["message"] == "@you =1+1"
    assert rows[0]["tweetid"] == str(10**18)
    assert rows[0]["reviewed"] is False
    assert rows[0]["annotators"] == []
    assert set(rows[0]) == {"sentiment", "message", "tweetid", *PROVENANCE}


def test_an_empty_project_exports_its_header(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        create_project("bare", session=session, labels=[NewLabel("a", "A"), NewLabel("b", "B")])
    report = export(tmp_path / "out.csv", engine=engine, project_name="bare", rows="all")
    assert report.rows == 0
    assert (tmp_path / "out.csv").read_text().startswith("label,text,id,label_name,")


def test_a_cancelled_or_failed_export_leaves_the_old_file(
    bring: Bring, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(HEADER + "".join(f"1,text {n},{n}\n" for n in range(1_500)))
    out = tmp_path / "out" / "tweets.csv"
    out.parent.mkdir()
    out.write_text("old")
    with pytest.raises(Cancelled, match="1,000 of 1,500"):
        export(out, engine=engine, project_name="climate", should_stop=lambda: True)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="No space left on device; nothing was replaced"):
        export(out, engine=engine, project_name="climate")
    assert out.read_text() == "old"
    assert [path.name for path in out.parent.iterdir()] == ["tweets.csv"]


EXPORTER = """
import sys
from pathlib import Path
from db.engine import make_engine
from labeling.exporting import export
export(Path(sys.argv[1]), engine=make_engine(sys.argv[2]), project_name="climate",
       on_progress=lambda done, total: print(done, flush=True))
"""


def test_a_killed_export_leaves_no_half_file_under_the_final_name(
    bring: Bring, tmp_path: Path
) -> None:
    bring(HEADER + "".join(f"1,text {n},{n}\n" for n in range(4_000)))
    out = tmp_path / "tweets-out.csv"
    command = [sys.executable, "-c", EXPORTER, str(out), f"sqlite:///{tmp_path / 'relabel.db'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        ended = process.wait()
    # The process may have been quicker than the signal; then the file is whole.
    assert not out.exists() or len(read(out)) == 4_000
    assert ended == -signal.SIGKILL or out.exists()


def test_an_export_shows_one_state_of_the_store(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    bring(HEADER + "".join(f"1,text {n},{n}\n" for n in range(3_000)))
    later = tmp_path / "later.csv"
    later.write_text(HEADER + "1,came in meanwhile,99999\n")

    def meanwhile(done: int, _total: int) -> None:
        if done == 1_000:
            import_file(later, engine=engine, project_name="climate")

    rows = take(engine, tmp_path / "out.csv", on_progress=meanwhile)
    assert len(rows) == 3_000
    assert len(take(engine, tmp_path / "out.csv")) == 3_001


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"format": "xlsx"}, "'xlsx'; choose one of csv, jsonl"),
        ({"rows": "some"}, "'some'; choose one of gold, predicted, all"),
    ],
)
def test_an_unknown_format_or_choice_is_refused(
    engine: Engine, climate: str, tmp_path: Path, options: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ExportError, match=complaint):
        export(tmp_path / "out.csv", engine=engine, project_name=climate, **options)


def test_a_place_that_cannot_be_written_is_named(
    engine: Engine, climate: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="is a directory"):
        export(tmp_path, engine=engine, project_name=climate)
    with pytest.raises(ExportError, match="does not exist"):
        export(tmp_path / "none" / "out.csv", engine=engine, project_name=climate)


def test_an_export_is_written_down_for_the_audit(
    engine: Engine, climate: str, tmp_path: Path
) -> None:
    export(tmp_path / "out.csv", engine=engine, project_name=climate)
    with reading(engine) as session:
        entry = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.subject) == ("export", "out.csv")


_TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("'=+-@＝＠\t\r\n\",; "),
        st.characters(exclude_characters="\0", exclude_categories=("Cs",)),
    ),
    min_size=1,
    max_size=30,
).filter(lambda text: not text.isspace())


@given(texts=st.lists(_TEXTS, min_size=1, max_size=30))
@settings(max_examples=12, deadline=None)
def test_any_text_survives_import_export_and_import(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("texts")
    store = make_store(directory, groups=(1,), model=False)
    with writing(store.engine) as session:
        create_project("copy", session=session, template="climate")
    source, out = directory / "in.csv", directory / "out.csv"
    with source.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows([["text", "id"], *([text, str(n)] for n, text in enumerate(texts))])
    import_file(source, engine=store.engine, project_name=store.name)
    export(out, engine=store.engine, project_name=store.name, rows="all")
    import_file(out, engine=store.engine, project_name="copy")
    with reading(store.engine) as session:
        copy = get_project("copy", session=session)
        query = select(Tweet.text).where(Tweet.project_id == copy.id).order_by(Tweet.id)
        kept = session.scalars(query).all()
    store.engine.dispose()
    assert kept[1:] == texts


def test_columns_called_like_an_exports_own_or_like_a_formula_come_back(
    engine: Engine, bring: Bring, tmp_path: Path
) -> None:
    """The roles' names, too: an export has each of its columns once, and nothing is lost."""
    with writing(engine) as session:
        create_project("odd", session=session, template=None, labels=LABELS)
    columns = ColumnWish("comment", "source", "label_name")
    given = "source,=1+1,comment,label_name,original_comment\na,x,the ice melts,1,y\n"
    bring(given, project_name="odd", columns=columns)
    out = tmp_path / "out.csv"
    export(out, engine=engine, project_name="odd", rows="all")
    (row,) = read(out)
    assert list(row)[:5] == [
        "original_source",
        "original_comment",
        "original_label_name",
        "original_=1+1",
        "original_original_comment",
    ]
    assert [*row.values()][:5] == ["a", "the ice melts", "1", "x", "y"]
    assert len(row) == 5 + len(PROVENANCE)
    again = bring(out.read_text(), project_name="odd")
    assert (again.accepted, again.duplicates, again.rejected) == (0, 1, 0)
    assert bring(given, project_name="odd", columns=columns).accepted == 0
    export(tmp_path / "again.csv", engine=engine, project_name="odd", rows="all")
    assert (tmp_path / "again.csv").read_text() == out.read_text()
    export(tmp_path / "out.jsonl", engine=engine, project_name="odd", rows="all", format="jsonl")
    told = json.loads((tmp_path / "out.jsonl").read_text())
    assert (told["original_comment"], told["original_source"]) == ("the ice melts", "a")


def test_an_export_does_not_replace_the_database(
    engine: Engine, climate: str, tmp_path: Path
) -> None:
    with pytest.raises(ExportError, match="the database in use"):
        export(tmp_path / "relabel.db", engine=engine, project_name=climate)
    with pytest.raises(ExportError, match="directory"):
        export(tmp_path, engine=engine, project_name=climate)
