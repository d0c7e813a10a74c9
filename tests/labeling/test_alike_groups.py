"""Alike texts in the store: importing in any order, splits, regrouping, groups of their own."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, select, update

from db.engine import make_engine
from db.projects import get_or_add_annotator
from db.schema import DuplicateGroup, Gold, Project, TextBlock, TextVariant, Tweet
from db.sessions import reading, writing
from labeling.batches import ImportReport
from labeling.creating import create_project
from labeling.grouping import own_key, text_key
from labeling.importing import import_file
from labeling.queue import next_items
from labeling.regrouping import regroup
from tests.labeling.small_store import migrated

LONG = "Scientists say the melting of glaciers in the Alps has become faster than anybody thought"
WHOLE = f"{LONG} and more than that"
CUT = f"RT @somebody_else: {LONG} and mo…"
FRAMED = f"{WHOLE} via @outlet"
SPELT = WHOLE.replace("become", "becomme")
NEGATED = WHOLE.replace("has become", "has not become")
_numbers = itertools.count(1)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    path = tmp_path / "relabel.db"
    path.write_bytes(migrated().read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    with writing(engine) as session:
        create_project("p", session=session, template="climate")
    return engine


def bring(
    engine: Engine, tmp_path: Path, texts: Sequence[str], labels: Sequence[str] = ()
) -> ImportReport:
    path = tmp_path / f"{next(_numbers)}.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sentiment", "message", "tweetid"])
        for place, text in enumerate(texts):
            label = labels[place] if labels else ""
            writer.writerow([label, text, f"{next(_numbers)}7"])
    return import_file(path, engine=engine, project_name="p")


def grouped(engine: Engine) -> dict[str, tuple[int, str]]:
    with reading(engine) as session:
        rows = session.execute(select(Tweet.text, Tweet.group_id, Tweet.split))
        return {row.text: (row.group_id, row.split) for row in rows}


def sizes(engine: Engine) -> dict[int, int]:
    with reading(engine) as session:
        rows = session.execute(select(DuplicateGroup.id, DuplicateGroup.size))
        return {row.id: row.size for row in rows}


@pytest.mark.parametrize("order", list(itertools.permutations((WHOLE, CUT, FRAMED, SPELT)))[::3])
def test_alike_texts_share_a_group_in_whatever_order_they_come(
    engine: Engine, tmp_path: Path, order: tuple[str, ...]
) -> None:
    reports = [bring(engine, tmp_path, [text]) for text in (*order, NEGATED)]
    found = grouped(engine)
    assert len({found[text] for text in order}) == 1
    assert found[NEGATED][0] != found[WHOLE][0]
    assert sorted(sizes(engine).values()) == [1, 4]
    assert [report.groups for report in reports] == [1, 0, 0, 0, 1]
    assert [report.alike for report in reports] == [0, 1, 1, 1, 0]


def test_alike_texts_of_one_file_share_a_group_and_its_label(
    engine: Engine, tmp_path: Path
) -> None:
    report = bring(engine, tmp_path, [CUT, NEGATED, WHOLE, WHOLE, FRAMED], ["", "", "", "1", ""])
    assert report.groups == 2
    assert report.alike == 2
    with reading(engine) as session:
        group = session.get_one(DuplicateGroup, grouped(engine)[WHOLE][0])
        assert (group.size, group.open) == (4, False)


def test_a_known_variant_is_found_by_its_key_again(engine: Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path, [WHOLE, FRAMED])
    report = bring(engine, tmp_path, [f"RT @a: {FRAMED.upper()}"])
    assert (report.groups, report.alike) == (0, 0)
    assert list(sizes(engine).values()) == [3]


def put_into_split(engine: Engine, text: str, split: str) -> None:
    """Move a text's group to a split, as an older version may have drawn it."""
    with writing(engine) as session:
        old = session.scalars(
            select(DuplicateGroup)
            .join(Tweet, Tweet.group_id == DuplicateGroup.id)
            .where(Tweet.text == text)
        ).one()
        tweets = session.scalars(select(Tweet.id).where(Tweet.group_id == old.id)).all()
        new = DuplicateGroup(
            project_id=old.project_id,
            key=f"{old.key}x",
            split=split,
            size=old.size,
            representative_id=old.representative_id,
        )
        session.add(new)
        session.flush()
        session.execute(
            update(Tweet).where(Tweet.id.in_(tweets)).values(group_id=new.id, split=split)
        )
        key = old.key
        session.delete(old)
        session.flush()
        new.key = key


def as_before(engine: Engine) -> None:
    """Take away what an older version did not store: each text has a group of its own."""
    with writing(engine) as session:
        session.execute(delete(TextBlock))
        session.execute(delete(TextVariant))


def test_a_text_between_two_splits_joins_one_group_and_is_counted(
    engine: Engine, tmp_path: Path
) -> None:
    bring(engine, tmp_path, [CUT])
    as_before(engine)
    with writing(engine) as session:
        session.execute(update(DuplicateGroup).values(key="0" * 32))
    bring_old(engine, tmp_path, WHOLE)
    put_into_split(engine, CUT, "train")
    put_into_split(engine, WHOLE, "test")
    before = grouped(engine)
    report = bring(engine, tmp_path, [FRAMED])
    after = grouped(engine)
    assert after[FRAMED] == before[WHOLE]
    assert {text: after[text] for text in before} == before
    assert report.kept_apart == 1


def bring_old(engine: Engine, tmp_path: Path, *texts: str) -> None:
    """Bring texts in as an older version did: a group for each, and no blocking keys."""
    for text in texts:
        as_before(engine)
        with writing(engine) as session:
            project_id = session.scalars(select(Tweet.project_id)).first() or 1
            group = DuplicateGroup(project_id=project_id, key=text_key(text), split="train")
            session.add(group)
            session.flush()
            tweet = Tweet(
                project_id=project_id,
                external_id=f"old-{next(_numbers)}",
                text=text,
                text_key=text_key(text),
                group_id=group.id,
                split="train",
            )
            session.add(tweet)
            session.flush()
            group.representative_id = tweet.id


def test_regrouping_merges_within_a_split_and_passes_labels_on(
    engine: Engine, tmp_path: Path
) -> None:
    bring_old(engine, tmp_path, CUT, WHOLE, FRAMED, SPELT, NEGATED)
    put_into_split(engine, SPELT, "test")
    with writing(engine) as session:
        tweet = session.scalars(select(Tweet).where(Tweet.text == WHOLE)).one()
        session.add(
            Gold(tweet_id=tweet.id, project_id=tweet.project_id, label="1", source="adjudicated")
        )
    report = regroup(engine, "p")
    found = grouped(engine)
    assert (report.before, report.after, report.merged) == (5, 3, 2)
    assert report.kept_apart > 0
    assert found[CUT] == found[WHOLE] == found[FRAMED]
    assert found[SPELT][1] == "test"
    assert found[SPELT][0] != found[WHOLE][0] != found[NEGATED][0]
    with reading(engine) as session:
        golds = {
            row.text: (row.label, row.source)
            for row in session.execute(
                select(Tweet.text, Gold.label, Gold.source).join(Gold, Gold.tweet_id == Tweet.id)
            )
        }
        group = session.get_one(DuplicateGroup, found[WHOLE][0])
        assert (group.size, group.open) == (3, False)
    assert golds == {
        WHOLE: ("1", "adjudicated"),
        CUT: ("1", "propagated"),
        FRAMED: ("1", "propagated"),
    }
    again = regroup(engine, "p")
    assert (again.merged, again.after) == (0, 3)
    assert grouped(engine) == found
    assert bring(engine, tmp_path, [CUT.replace("somebody_else", "another_one")]).groups == 0


def test_an_import_finds_the_groups_of_an_older_version_and_leaves_them_as_they_are(
    engine: Engine, tmp_path: Path
) -> None:
    bring_old(engine, tmp_path, WHOLE, FRAMED)
    before = grouped(engine)
    report = bring(engine, tmp_path, [CUT])
    assert report.groups == 0
    after = grouped(engine)
    assert after[CUT] == before[WHOLE]
    assert {text: after[text] for text in before} == before


def test_a_group_of_its_own_takes_no_tweet_in_and_is_not_merged(
    engine: Engine, tmp_path: Path
) -> None:
    bring(engine, tmp_path, [WHOLE, FRAMED])
    with writing(engine) as session:
        old = session.scalars(select(DuplicateGroup)).one()
        tweet = session.scalars(select(Tweet).where(Tweet.text == WHOLE)).one()
        other = session.scalars(select(Tweet).where(Tweet.text == FRAMED)).one()
        alone = DuplicateGroup(
            project_id=old.project_id,
            key=own_key(tweet.id),
            split=old.split,
            representative_id=tweet.id,
            own=True,
        )
        session.add(alone)
        session.flush()
        tweet.group_id, old.size, old.representative_id = alone.id, 1, other.id
    bring(engine, tmp_path, [CUT, f"@anna {WHOLE}"])
    regroup(engine, "p")
    found = grouped(engine)
    assert sorted(sizes(engine).values()) == [1, 3]
    assert sum(group == found[WHOLE][0] for group, _ in found.values()) == 1


def asked(engine: Engine) -> list[str]:
    with reading(engine) as session:
        query = select(Tweet.text).join(
            DuplicateGroup, DuplicateGroup.representative_id == Tweet.id
        )
        return list(session.scalars(query))


def test_people_are_asked_the_whole_text_once_there_is_one(engine: Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path, [CUT])
    assert asked(engine) == [CUT]
    bring(engine, tmp_path, [WHOLE])
    assert asked(engine) == [WHOLE]
    bring(engine, tmp_path, [CUT.replace("somebody_else", "another_one"), FRAMED])
    assert asked(engine) == [WHOLE]
    assert list(sizes(engine).values()) == [4]


def test_within_a_file_too_the_whole_text_is_asked(engine: Engine, tmp_path: Path) -> None:
    bring(engine, tmp_path, [CUT, WHOLE])
    assert asked(engine) == [WHOLE]


def test_what_somebody_is_being_asked_stays_what_the_group_is_asked_by(
    engine: Engine, tmp_path: Path
) -> None:
    bring(engine, tmp_path, [CUT])
    with writing(engine) as session:
        project = session.scalars(select(Project)).one()
        person = get_or_add_annotator("ann", session=session)
        assert len(next_items(project, person, session=session)) == 1
    bring(engine, tmp_path, [WHOLE])
    assert asked(engine) == [CUT]
