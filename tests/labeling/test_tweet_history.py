import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from db import migrate, projects
from db.engine import make_engine
from db.errors import NotFoundError
from db.schema import Tweet
from db.sessions import reading, writing
from labeling import creating, importing
from labeling.answering import record
from labeling.asking import Answer
from labeling.tweet_history import tweet_story


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'a.db'}")
    migrate.upgrade(engine)
    file = tmp_path / "tweets.csv"
    file.write_text(
        "message,tweetid\nRT @a: The sea rises,1\nThe sea rises,2\nother words,3\n", "utf-8"
    )
    with writing(engine) as session:
        creating.create_project("P", session=session, template="climate")
        projects.get_or_add_annotator("Ada", session=session)
    importing.import_file(file, engine=engine, project_name="P")
    yield engine
    engine.dispose()


def test_a_story_holds_every_act_also_those_taken_back(store: Engine) -> None:
    with writing(store) as session:
        project = projects.get_project("P", session=session)
        ada = projects.get_or_add_annotator("Ada", session=session)
        tweet_id = session.scalars(select(Tweet.id).where(Tweet.external_id == "1")).one()
        first, undo = uuid.uuid4().hex, uuid.uuid4().hex
        acts = [
            Answer(key=first, kind="label", tweet_id=tweet_id, label="1"),
            Answer(key=undo, kind="undo", tweet_id=tweet_id, undoes_key=first),
            Answer(key=uuid.uuid4().hex, kind="label", tweet_id=tweet_id, label="0"),
        ]
        record(acts, project, ada, session=session)
    with reading(store) as session:
        project = projects.get_project("P", session=session)
        story = tweet_story(tweet_id, project, session=session)
    assert [(act.kind, act.label, act.undone) for act in story.acts] == [
        ("label", "1", True),
        ("undo", None, False),
        ("label", "0", False),
    ]
    assert (story.gold, story.gold_source) == ("0", "single")
    assert [one.text for one in story.members] == ["The sea rises"]


def test_a_tweet_of_another_project_is_not_found(store: Engine) -> None:
    with writing(store) as session:
        other = creating.create_project("Q", session=session, template="climate")
        with pytest.raises(NotFoundError, match="not in project 'Q'"):
            tweet_story(1, other, session=session)
