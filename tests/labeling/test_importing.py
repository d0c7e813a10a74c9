import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_store import make_store
from sqlalchemy import Engine, func, select

from db.errors import NotFoundError
from db.projects import get_project
from db.schema import DuplicateGroup, Gold, ImportBatch, ImportReject, Tweet
from db.sessions import reading, writing
from labeling import importing
from labeling.columns import ColumnChoice, ColumnWish
from labeling.creating import create_project, edit_labels
from labeling.importing import ImportReport, import_file
from labeling.rejects import write_rejects
from labeling.templates import CLIMATE, NewLabel
from trainer.errors import Cancelled

Bring = Callable[..., ImportReport]
Count = Callable[[type], int]

HEADER = "sentiment,message,tweetid\n"
SMALL = HEADER + (
    "1,The ice is melting,10\n"
    ",RT @anna: the ICE is melting!,11\n"
    "-1,It is a hoax,12\n"
    '2,"Report, out today",13\n'
    "1,The ice is melting again,10\n"
)


def lines(count: int, *, start: int = 0) -> str:
    rows = (f"{n % 3 - 1},text number {n},{10**18 + n}\n" for n in range(start, start + count))
    return HEADER + "".join(rows)


def test_rows_become_tweets_groups_and_gold_labels(bring: Bring, engine: Engine) -> None:
    report = bring(SMALL)
    assert (report.rows, report.accepted, report.duplicates, report.rejected) == (5, 4, 1, 0)
    assert report.groups == 3
    with reading(engine) as session:
        tweets = session.scalars(select(Tweet).order_by(Tweet.id)).all()
        gold = {row.tweet_id: row for row in session.scalars(select(Gold))}
        group = session.get_one(DuplicateGroup, tweets[0].group_id)
    assert [tweet.external_id for tweet in tweets] == ["10", "11", "12", "13"]
    assert [tweet.imported_label for tweet in tweets] == ["1", None, "-1", "2"]
    assert tweets[0].group_id == tweets[1].group_id
    assert (group.size, group.representative_id) == (2, tweets[0].id)
    assert {gold[tweet.id].label for tweet in tweets if tweet.id in gold} == {"1", "-1", "2"}
    assert all(row.source == "imported" for row in gold.values())


def test_importing_the_same_file_twice_adds_nothing(bring: Bring, count: Count) -> None:
    first = bring(SMALL)
    second = bring(SMALL)
    assert second == ImportReport(5, 0, 5, 0, 0, 0, first.batch_id)
    assert (count(Tweet), count(Gold), count(DuplicateGroup), count(ImportBatch)) == (4, 3, 3, 1)


def test_known_ids_in_another_file_are_skipped_and_counted(
    bring: Bring, count: Count, engine: Engine
) -> None:
    bring(SMALL)
    report = bring(HEADER + "-1,other words,10\n,new words,99\n")
    assert (report.accepted, report.duplicates) == (1, 1)
    with reading(engine) as session:
        kept = session.scalars(select(Tweet).where(Tweet.external_id == "10")).one()
        assert (kept.text, kept.imported_label) == ("The ice is melting", "1")


def test_a_group_grows_and_keeps_its_split_over_several_files(bring: Bring, engine: Engine) -> None:
    bring(HEADER + "".join(f",text {n},{n}\n" for n in range(60)))
    with reading(engine) as session:
        before = dict(session.execute(select(DuplicateGroup.key, DuplicateGroup.split)).all())
    bring(HEADER + "".join(f",RT @a: TEXT {n}!,{n + 100}\n" for n in range(60)))
    with reading(engine) as session:
        groups = session.scalars(select(DuplicateGroup)).all()
        assert {group.key: group.split for group in groups} == before
        assert {group.size for group in groups} == {2}
        straddling = (
            select(Tweet.group_id)
            .group_by(Tweet.group_id)
            .having(func.count(func.distinct(Tweet.split)) > 1)
        )
        assert session.scalars(straddling).all() == []


def test_splits_are_stratified_by_the_imported_label(bring: Bring, engine: Engine) -> None:
    bring(lines(900))
    with reading(engine) as session:
        counted = session.execute(
            select(Tweet.imported_label, Tweet.split, func.count()).group_by(
                Tweet.imported_label, Tweet.split
            )
        ).all()
    assert {(label, split): n for label, split, n in counted} == {
        (label, split): n
        for label in ("-1", "0", "1")
        for split, n in (("train", 240), ("validation", 30), ("test", 30))
    }


def test_an_import_stopped_between_chunks_goes_on_behind_them(
    bring: Bring, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 10)
    content = lines(95) + "9,unknown,1\n"
    asked = iter([False, False, False, True])
    with pytest.raises(Cancelled, match="30 of 96"):
        bring(content, should_stop=lambda: next(asked))
    assert count(Tweet) == 30
    report = bring(content)
    assert (report.rows, report.accepted, report.duplicates, report.rejected) == (96, 95, 0, 1)
    assert (count(Tweet), count(ImportBatch), count(ImportReject)) == (95, 1, 1)


IMPORTER = """
import sys
from pathlib import Path
from db.engine import make_engine
from labeling import importing
importing.CHUNK = 50
report = importing.import_file(
    Path(sys.argv[1]), engine=make_engine(sys.argv[2]), project_name="climate",
    on_progress=lambda done, total: print(done, flush=True),
)
"""


def test_a_killed_import_is_completed_exactly_by_the_next_one(
    engine: Engine, climate: str, tmp_path: Path, count: Count
) -> None:
    path = tmp_path / "many.csv"
    path.write_text(lines(3_000) + lines(20))
    command = [sys.executable, "-c", IMPORTER, str(path), f"sqlite:///{tmp_path / 'relabel.db'}"]
    for _ in range(3):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()  # at least one chunk is committed
            time.sleep(0.02)
            os.kill(process.pid, signal.SIGKILL)
    between = count(Tweet)
    assert 0 < between <= 3_000
    report = import_file(path, engine=engine, project_name=climate)
    assert (report.rows, report.accepted, report.rejected) == (3_021, 3_000, 1)
    assert (count(Tweet), count(Gold), count(DuplicateGroup)) == (3_000, 3_000, 3_000)
    assert count(ImportBatch) == 1


def test_two_imports_of_one_file_at_once_do_not_count_twice(
    bring: Bring, engine: Engine, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 10)
    content = lines(40)
    reports = []

    def meanwhile(_done: int, _total: int) -> None:
        if not reports:
            reports.append(None)
            reports[0] = bring(content)

    with pytest.raises(importing.ImportRefused, match="by another process"):
        bring(content, on_progress=meanwhile)
    assert reports[0].accepted == 40
    assert count(Tweet) == 40


def test_rows_refused_for_an_unknown_label_come_in_once_the_label_exists(
    bring: Bring, engine: Engine, count: Count
) -> None:
    assert bring(HEADER + "1,a,1\n7,b,2\n").rejected == 1
    with writing(engine) as session:
        project = get_project("climate", session=session)
        edit_labels(project, [*CLIMATE.labels, NewLabel("7", "Other")], session=session)
    report = bring(HEADER + "1,a,1\n7,b,2\n")
    assert (report.accepted, report.duplicates, report.rejected) == (1, 1, 0)
    assert count(Tweet) == 2


def test_progress_counts_bytes_up_to_the_whole_file(bring: Bring) -> None:
    seen: list[tuple[int, int]] = []
    content = lines(5_000)
    bring(content, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(content), len(content))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_other_columns_are_kept_with_the_tweet(bring: Bring, engine: Engine) -> None:
    bring("id,lang,text,source,\n1,en,hello,web,x\n2,de,hallo,,y\n")
    with reading(engine) as session:
        extras = session.scalars(select(Tweet.extra).order_by(Tweet.id)).all()
        project = get_project("climate", session=session)
        columns = project.source_columns
    assert extras == [
        {"lang": "en", "original_source": "web", "column_5": "x"},
        {"lang": "de", "original_source": "", "column_5": "y"},
    ]
    assert columns["header"] == ["label", "id", "lang", "text", "column_5", "original_source"]


def test_the_first_labelled_file_decides_the_columns_of_exports(
    bring: Bring, engine: Engine
) -> None:
    bring("id,text\n1,hello\n")
    bring("class,body,key,lang\n1,hi,2,en\n", columns=ColumnWish("body", "key", "class"))
    bring("verdict,text,id\n1,more,3\n", columns=ColumnWish(label="verdict"))
    with reading(engine) as session:
        columns = get_project("climate", session=session).source_columns
    assert columns["header"] == ["class", "body", "key", "lang"]
    assert (columns["text"], columns["id"], columns["label"]) == ("body", "key", "class")


def test_the_template_keeps_its_columns_when_the_first_file_has_no_label(
    bring: Bring, engine: Engine
) -> None:
    bring("message,tweetid\nhello,1\n")
    with reading(engine) as session:
        columns = get_project("climate", session=session).source_columns
    assert columns["header"] == ["sentiment", "message", "tweetid"]
    assert columns["label"] == "sentiment"


def test_ids_that_a_spreadsheet_may_have_rounded_are_counted(bring: Bring) -> None:
    report = bring(HEADER + "1,a,1294030472427835000\n1,b,1294030472427835393\n1,c,12000\n")
    assert (report.accepted, report.rounded_ids) == (3, 1)


def test_an_unknown_project_is_named(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(SMALL)
    with pytest.raises(NotFoundError, match="'nowhere'"):
        import_file(path, engine=engine, project_name="nowhere")


def test_the_same_tweets_may_stand_in_two_projects(
    bring: Bring, engine: Engine, tmp_path: Path, count: Count
) -> None:
    bring(SMALL)
    with writing(engine) as session:
        create_project("second", session=session, template="climate")
    assert bring(SMALL, project_name="second").accepted == 4
    assert count(Tweet) == 8


def test_rejects_are_written_as_csv_that_starts_no_formula(
    bring: Bring, engine: Engine, tmp_path: Path
) -> None:
    report = bring(HEADER + '9,"=1+1",1\n1,fine,2\n')
    with reading(engine) as session:
        assert write_rejects(tmp_path / "r.csv", report.batch_id, session=session) == 1
    content = (tmp_path / "r.csv").read_text()
    assert content.startswith("line,column,reason,raw\n2,sentiment,")
    assert content.rstrip().endswith('"9,=1+1,1"')


@given(
    ids=st.lists(
        st.one_of(
            st.integers(2**60, 2**63).map(str),
            st.integers(0, 10**9).map(lambda n: f"{n:019d}"),
            st.from_regex(r"[0-9]{1,16}", fullmatch=True).filter(str.isascii),
        ),
        min_size=1,
        max_size=40,
        unique=True,
    )
)
@settings(max_examples=8, deadline=None)
def test_ids_stay_the_very_same_text(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("ids")
    store = make_store(directory, groups=(1,), model=False)
    path = directory / "a.csv"
    path.write_text("tweetid,message\n" + "".join(f'"{id}",text {id}\n' for id in ids))
    import_file(
        path,
        engine=store.engine,
        project_name=store.name,
        columns=ColumnChoice("message", "tweetid"),
    )
    with reading(store.engine) as session:
        kept = session.scalars(select(Tweet.external_id).order_by(Tweet.id)).all()
    store.engine.dispose()
    assert kept[1:] == ids  # behind the one that the store came with
