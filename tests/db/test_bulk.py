"""Thousands of rows at once hold what rows one by one would."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, bindparam, select, update

from db.bulk import among, insert_columns, run_many
from db.engine import make_engine
from db.migrate import upgrade
from db.schema import DuplicateGroup, Project, TextBlock, Tweet
from db.sessions import reading, writing
from db.types import now

GROUPS, TWEETS = DuplicateGroup.__table__, Tweet.__table__
ODD = ["it's", 'say "x"', "ünï", "😀", "[1]", "", "0012"]


@pytest.fixture
def engine(tmp_path: Path):
    engine = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    upgrade(engine)
    with writing(engine) as session:
        session.add(Project(id=1, name="p"))
    yield engine
    engine.dispose()


def add_groups(engine: Engine, keys: list[str], **options) -> None:
    with writing(engine) as session:
        insert_columns(
            GROUPS,
            {"key": keys, "size": list(range(len(keys)))},
            same={"project_id": 1, "split": "train", "open": True, "own": False},
            session=session,
            **options,
        )


def test_values_come_back_as_they_went_in(engine: Engine) -> None:
    add_groups(engine, ["a"])
    moment, extras = now(), [{"lang": "ü"}, {"lang": ""}]
    with writing(engine) as session:
        insert_columns(
            TWEETS,
            {"external_id": ["1", "2"], "text": ODD[:2], "extra": extras},
            same={
                "project_id": 1,
                "batch_id": None,
                "text_key": "k",
                "group_id": 1,
                "split": "train",
                "created_at": moment,
            },
            session=session,
        )
    with reading(engine) as session:
        tweets = session.scalars(select(Tweet).order_by(Tweet.id)).all()
    assert [(tweet.text, tweet.extra, tweet.created_at) for tweet in tweets] == [
        (text, extra, moment) for text, extra in zip(ODD, extras, strict=False)
    ]
    assert tweets[0].imported_label is None


def test_rows_whose_key_is_taken_are_left_alone(engine: Engine) -> None:
    add_groups(engine, ["a", "b"])
    add_groups(engine, ["c", "b", "d"], skip=("project_id", "key"))
    add_groups(engine, [])
    with reading(engine) as session:
        sizes = dict(session.execute(select(GROUPS.c.key, GROUPS.c.size)).all())
    assert sizes == {"a": 0, "b": 1, "c": 0, "d": 2}


def test_a_column_with_a_default_has_to_be_given(engine: Engine) -> None:
    with writing(engine) as session, pytest.raises(ValueError, match="open"):
        insert_columns(
            GROUPS,
            {"key": ["a"]},
            same={"project_id": 1, "split": "train", "size": 1, "own": False},
            session=session,
        )


def test_one_statement_runs_for_many_rows(engine: Engine) -> None:
    add_groups(engine, ["a", "b", "c"])
    grow = (
        update(GROUPS)
        .where(GROUPS.c.key == bindparam("which"))
        .values(size=GROUPS.c.size + bindparam("more"))
    )
    with writing(engine) as session:
        run_many(grow, {"which": ["c", "a"], "more": [10, 20]}, session=session)
        run_many(grow, {"which": [], "more": []}, session=session)
    with reading(engine) as session:
        sizes = session.scalars(select(GROUPS.c.size).order_by(GROUPS.c.key)).all()
    assert sizes == [20, 1, 12]


def test_texts_and_large_numbers_are_found_among_many(engine: Engine) -> None:
    add_groups(engine, ODD)
    numbers = [0, 1, 2**53 + 1, 2**63 - 1]
    with writing(engine) as session:
        insert_columns(
            TextBlock.__table__,
            {"key": numbers},
            same={"project_id": 1, "tweet_id": 1},
            session=session,
        )
    with reading(engine) as session:
        keys = select(GROUPS.c.key)
        found = session.scalars(keys.where(among(GROUPS.c.key, [*ODD, "12"], session=session)))
        assert set(found) == set(ODD)
        none = keys.where(among(GROUPS.c.key, [], session=session))
        assert session.scalars(none).all() == []
        blocks = select(TextBlock.key).where(
            among(TextBlock.key, [*numbers[1:], 2**53], session=session)
        )
        assert session.scalars(blocks.order_by(TextBlock.key)).all() == numbers[1:]
