"""What a person asks of the tweet on screen, and what the server says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from label_corpus import QUIET, make_project
from sqlalchemy import Engine, select

from db import migrate, projects
from db.engine import make_engine
from db.schema import DuplicateGroup, LabelExample, Tweet
from db.sessions import reading, writing
from labeling.explaining import Explanation, Question
from labeling.importing import import_file
from labeling.widget.exchange import Exchange, refill
from labeling.widget.questions import reply_to, warm_up


class Slow:
    """Knows the answer at the second time of asking."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.dropped = 0

    def ask(self, who: str, question: Question) -> Explanation | None:
        self.asked.append(question)
        return Explanation(((0, 3, 0.4),)) if len(self.asked) > 1 else None

    def drop(self, who: str) -> None:
        self.dropped += 1


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'relabel.db'}")
    migrate.upgrade(made)
    yield made
    made.dispose()


def open_page(engine: Engine, folder: Path, role: str = "admin", **settings: Any) -> Exchange:
    project_id = make_project(engine, folder, settings=replace(QUIET, **settings))
    twins = folder / "twins.csv"
    twins.write_text(
        "message,tweetid\nThe same words,501\nthe same words!,502\nThe same words,503\n",
        encoding="utf-8",
    )
    import_file(twins, engine=engine, project_name="Climate stance", file_name=twins.name)
    with writing(engine) as session:
        person = projects.get_or_add_annotator("Ada", session=session, role=role).id
    exchange = Exchange(project_id, person)
    refill(exchange, engine=engine)
    return exchange


def put(exchange: Exchange, engine: Engine, asked: Any, explainer: Any = None) -> Any:
    explainer = explainer if explainer is not None else Slow()
    return reply_to(asked, exchange, explainer, engine=engine, data=Path("/data"))


def twins(engine: Engine) -> list[int]:
    with reading(engine) as session:
        query = select(Tweet.id).where(Tweet.external_id.in_(("501", "502", "503")))
        return list(session.scalars(query.order_by(Tweet.id)))


def test_words_are_weighed_while_the_page_goes_on(engine: Engine, tmp_path: Path) -> None:
    exchange, slow = open_page(engine, tmp_path), Slow()
    item = exchange.items[0]
    asked = {"key": "a", "kind": "explain", "tweet_id": item.tweet_id}
    assert put(exchange, engine, asked, slow)["state"] == "working"
    done = put(exchange, engine, asked, slow)
    assert (done["state"], done["words"], done["label"]) == (
        "done",
        [[0, 3, 0.4]],
        item.suggestion.label if item.suggestion else None,
    )
    assert put(exchange, engine, asked, slow) == done
    assert len(slow.asked) == 2
    assert slow.asked[0].directory == "/data/models/made-up"
    put(exchange, engine, None, slow)
    assert slow.dropped == 1


def test_a_page_with_suggestions_has_their_model_loaded_once(
    engine: Engine, tmp_path: Path
) -> None:
    exchange = open_page(engine, tmp_path)
    loaded: list[tuple[str, str]] = []

    class Loads(Slow):
        def warm_up(self, directory: str, manifest_sha256: str) -> None:
            loaded.append((directory, manifest_sha256))

    folder = tmp_path / "models" / "made-up"
    folder.mkdir(parents=True)
    for _ in range(2):
        warm_up(exchange, Loads(), engine=engine, data=tmp_path)
    assert [one[0] for one in loaded] == [str(folder)]


def test_a_page_without_suggestions_loads_nothing(engine: Engine, tmp_path: Path) -> None:
    exchange = open_page(engine, tmp_path, show_suggestions=False)
    warm_up(exchange, Slow(), engine=engine, data=tmp_path)
    assert exchange.warmed is None


def test_a_blind_tweet_gives_nothing_away(engine: Engine, tmp_path: Path) -> None:
    exchange, slow = open_page(engine, tmp_path, blind_share=1.0), Slow()
    asked = {"key": "a", "kind": "explain", "tweet_id": exchange.items[0].tweet_id}
    assert put(exchange, engine, asked, slow)["state"] == "refused"
    assert slow.asked == []


def test_a_group_is_listed_split_once_and_put_back(engine: Engine, tmp_path: Path) -> None:
    exchange = open_page(engine, tmp_path)
    first, second, third = twins(engine)
    listed = put(exchange, engine, {"key": "a", "kind": "group", "tweet_id": first})
    assert (listed["size"], len(listed["members"]), listed["apart"]) == (3, 3, [])
    asked = {"key": "b", "kind": "split_off", "tweet_id": first, "member": third}
    split = put(exchange, engine, asked)
    assert [one["tweet_id"] for one in split["members"]] == [first, second]
    assert [one["tweet_id"] for one in split["apart"]] == [third]
    assert put(exchange, engine, asked) == split
    other_page = replace(exchange, replied=None)
    assert "stands alone" in put(other_page, engine, asked)["message"]
    back = {"key": "c", "kind": "rejoin", "tweet_id": first, "member": third}
    assert put(exchange, engine, back)["size"] == 3
    with reading(engine) as session:
        apart = select(DuplicateGroup.id).where(DuplicateGroup.own)
        assert session.scalars(apart).all() == []


def test_the_tweet_becomes_an_example_if_the_person_may(engine: Engine, tmp_path: Path) -> None:
    exchange = open_page(engine, tmp_path, role="annotator")
    tweet_id = exchange.items[0].tweet_id
    asked = {"key": "a", "kind": "example", "tweet_id": tweet_id, "label": "1"}
    assert put(exchange, engine, asked)["state"] == "refused"
    with writing(engine) as session:
        projects.get_or_add_annotator("Ada", session=session).role = "reviewer"
    for key, label in (("b", "1"), ("c", "0"), ("d", "0")):
        said = put(exchange, engine, {**asked, "key": key, "label": label})
        assert said["state"] == "done"
    with reading(engine) as session:
        assert [one.label for one in session.scalars(select(LabelExample))] == ["0"]


@pytest.mark.parametrize("asked", ["x", {"kind": "group"}, {"key": "a", "tweet_id": "x"}])
def test_a_question_that_cannot_be_read_is_no_question(
    engine: Engine, tmp_path: Path, asked: Any
) -> None:
    assert put(open_page(engine, tmp_path), engine, asked) is None
