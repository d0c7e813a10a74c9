"""Choosing what to be asked, below the card."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from label_corpus import make_project
from sqlalchemy import Engine, select, update
from streamlit.testing.v1 import AppTest

from db import migrate
from db.engine import make_engine
from db.projects import get_or_add_annotator
from db.schema import Lease, Prediction, Project, Tweet
from db.sessions import reading, writing
from db.settings import Settings
from labeling.focus import ANYTHING, Focus
from labeling.pages.parts import session_keys
from labeling.widget.exchange import Exchange, Taken, fill, order_of, to_json, turn_to

PAGE = str(Path(__file__).parents[2] / "labeling" / "pages" / "label.py")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setenv("RELABEL_DATA", str(tmp_path))
    monkeypatch.delenv("RELABEL_DATABASE_URL", raising=False)
    made = make_engine(Settings.from_environment().database_url)
    migrate.upgrade(made)
    make_project(made, tmp_path, count=30)
    yield made
    made.dispose()


@pytest.fixture
def exchange(engine: Engine) -> Exchange:
    with writing(engine) as session:
        project = session.scalars(select(Project)).one()
        return Exchange(project.id, get_or_add_annotator("Ada", session=session).id)


def test_what_waits_is_put_back_but_for_the_tweet_in_view(
    engine: Engine, exchange: Exchange
) -> None:
    fill(exchange, engine=engine)
    to_json(exchange, Taken(), engine=engine, base="")
    assert not turn_to(ANYTHING, exchange, engine=engine)
    in_view = exchange.items[0].tweet_id
    assert len(exchange.items) > 1
    assert turn_to(Focus("random"), exchange, engine=engine)
    assert [item.tweet_id for item in exchange.items] == [in_view]
    with reading(engine) as session:
        assert session.scalars(select(Lease.tweet_id)).all() == [in_view]
    assert order_of(exchange, engine=engine) == "random"
    fill(exchange, engine=engine)
    assert exchange.items[0].tweet_id == in_view
    assert {item.reason for item in exchange.items[1:]} == {"random"}


def test_an_empty_card_says_what_was_looked_for(engine: Engine, exchange: Exchange) -> None:
    with writing(engine) as session:
        session.execute(update(Tweet).values(text="the same"))
    turn_to(Focus(search="polar bear"), exchange, engine=engine)
    fill(exchange, engine=engine)
    drawn = to_json(exchange, Taken(), engine=engine, base="")
    assert drawn["items"] == []
    assert "polar bear" in drawn["empty"]


def test_an_empty_card_calls_a_label_by_its_name(engine: Engine, exchange: Exchange) -> None:
    with writing(engine) as session:
        session.execute(update(Prediction).values(label="1"))
    turn_to(Focus(predicted_as="-1"), exchange, engine=engine)
    fill(exchange, engine=engine)
    drawn = to_json(exchange, Taken(), engine=engine, base="")
    assert "is taken for 'Anti' by the model" in drawn["empty"]


def test_a_new_page_that_looks_for_nothing_puts_back_what_an_earlier_one_looked_for(
    engine: Engine, exchange: Exchange
) -> None:
    assert turn_to(Focus(search="harbour"), exchange, engine=engine)
    fill(exchange, engine=engine)
    assert {item.reason for item in exchange.items} == {"focus"}
    with writing(engine) as session:
        assigned = session.scalars(select(Lease).order_by(Lease.id)).first()
        assert assigned is not None
        assigned.reason = "assigned"
        kept = assigned.tweet_id
    page = Exchange(exchange.project_id, exchange.annotator_id)
    assert turn_to(ANYTHING, page, engine=engine)
    with reading(engine) as session:
        assert session.scalars(select(Lease.tweet_id)).all() == [kept]
    fill(page, engine=engine)
    assert "focus" not in {item.reason for item in page.items}


def test_a_new_page_keeps_what_was_held_otherwise(engine: Engine, exchange: Exchange) -> None:
    fill(exchange, engine=engine)
    page = Exchange(exchange.project_id, exchange.annotator_id)
    assert turn_to(ANYTHING, page, engine=engine)
    fill(page, engine=engine)
    assert [one.tweet_id for one in page.items] == [one.tweet_id for one in exchange.items]


@pytest.mark.parametrize(
    ("parameter", "value", "title"),
    [
        ("ask_search", "polar bear", "Chosen tweets"),
        ("ask_order", "At random", "Chosen tweets"),
        ("ask_order", "no such order", "What to ask"),
        ("ask_predicted", "Anti", "Chosen tweets"),
        ("ask_search", "", "What to ask"),
    ],
)
def test_the_button_tells_from_the_first_run_on_that_something_is_chosen(
    engine: Engine, parameter: str, value: str, title: str
) -> None:
    with writing(engine) as session:
        person = get_or_add_annotator("Ada", session=session).id
    at = AppTest.from_file(PAGE, default_timeout=20)
    at.session_state[session_keys.ANNOTATOR] = person
    at.query_params[parameter] = value
    at.query_params["plain_buttons"] = "true"
    at.run()
    assert not at.exception
    assert popovers(at) == [title]
    at.run()
    assert popovers(at) == [title]
    at.text_input(key="ask_search").set_value("ice").run()
    assert popovers(at) == ["Chosen tweets"]


def popovers(at: AppTest) -> list[str]:
    return [one.proto.popover.label for one in at.get("popover")]


def test_the_address_chooses_what_is_asked(engine: Engine) -> None:
    with writing(engine) as session:
        person = get_or_add_annotator("Ada", session=session).id
    at = AppTest.from_file(PAGE, default_timeout=20)
    at.session_state[session_keys.ANNOTATOR] = person
    at.query_params["ask_search"] = "polar bear"
    at.query_params["ask_order"] = "At random"
    at.query_params["plain_buttons"] = "true"
    at.run()
    assert not at.exception
    assert any("polar bear" in one.value for one in [*at.text, *at.info])
    assert at.selectbox(key="ask_order").value == "random"
