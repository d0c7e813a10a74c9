"""The label page in a real browser: nothing is lost, nothing counts twice, nothing jumps."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from app_server import AppServer
from card_page import SAVED, events, ready, saved, standing, tweet
from label_corpus import HOSTILE, QUIET, make_project
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

pytestmark = pytest.mark.browser
Visitor = Callable[..., Page]


@pytest.fixture
def project(app: AppServer, engine: Engine) -> int:
    number = make_project(engine, app.data)
    app.start()
    return number


def test_one_key_answers_and_the_next_tweet_is_there(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    first = tweet(page)
    page.wait_for_timeout(300)
    page.keyboard.press("3")
    assert tweet(page) != first
    expect(saved(page)).to_have_text(SAVED)
    (event,) = events(engine)
    assert (event.kind, event.label, event.suggestion_shown) == ("label", "1", True)
    assert event.seconds is not None
    assert 0.2 < event.seconds < 30
    assert not event.conflict


def test_twenty_presses_twenty_milliseconds_apart_are_twenty_answers(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    for _ in range(20):
        page.keyboard.press("2")
        page.wait_for_timeout(20)
    expect(saved(page)).to_have_text(SAVED, timeout=10_000)
    found = events(engine)
    assert len(found) == 20
    assert len({event.tweet_id for event in found}) == 20
    assert not any(event.conflict for event in found)


def test_keys_that_are_held_or_modified_or_typed_answer_nothing(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    page.keyboard.down("1")
    for _ in range(10):
        page.keyboard.down("1")
    page.keyboard.up("1")
    page.keyboard.press("Control+2")
    page.keyboard.press("m")
    page.keyboard.type("12 s")
    page.keyboard.press("Enter")
    expect(page.locator(".relabel .chips")).to_contain_text("12 s")
    expect(saved(page)).to_have_text(SAVED)
    assert [(event.kind, event.comment) for event in events(engine)] == [
        ("label", None),
        ("comment", "12 s"),
    ]


def test_undo_after_a_comment_takes_that_back_and_an_emptied_comment_is_none(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    page.keyboard.press("1")
    here = tweet(page)
    for text in ("oops", "hm"):
        page.keyboard.press("m")
        page.locator(".relabel [data-ref=commentText]").fill(text)
        page.keyboard.press("Enter")
    page.keyboard.press("z")
    assert tweet(page) == here
    expect(page.locator(".relabel .chips")).to_contain_text("oops")
    expect(saved(page)).to_have_text(SAVED)
    page.reload()
    ready(page)
    expect(page.locator(".relabel .chips")).to_contain_text("oops")
    page.keyboard.press("m")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page.locator(".relabel .chips")).not_to_contain_text("oops")
    expect(saved(page)).to_have_text(SAVED)
    assert standing(engine) == ["-1"]


def test_a_comment_that_is_being_written_is_saved_with_the_answer(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor(size=(390, 844)))
    page.get_by_role("button", name=re.compile("comment")).click()
    page.keyboard.type("irony?")
    page.get_by_role("button", name=re.compile("^Label Pro")).click()
    page.get_by_role("button", name=re.compile("comment")).click()
    page.keyboard.type("half")
    page.get_by_role("button", name=re.compile("comment")).click()
    page.get_by_role("button", name=re.compile("undo")).click()
    expect(page.get_by_text("The comment was not saved.")).to_be_visible()
    expect(saved(page)).to_have_text(SAVED)
    found = events(engine)
    assert [(one.kind, one.comment) for one in found] == [("comment", "irony?"), ("label", None)]
    assert len({one.tweet_id for one in found}) == 1


def test_a_comment_that_is_being_written_beside_plain_buttons_is_saved_with_the_answer(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = visitor(path="/label?plain_buttons=true")
    field = page.get_by_label("Comment on this tweet")
    field.fill("irony?", timeout=20_000)
    page.get_by_role("button", name="Pro", exact=True).click()
    expect(page.get_by_text("1 done today")).to_be_visible()
    expect(field).to_have_count(1)
    expect(field).to_have_value("")
    found = {one.kind: (one.tweet_id, one.comment) for one in events(engine)}
    assert found["comment"] == (found["label"][0], "irony?")


def test_enter_accepts_though_the_link_to_the_page_was_clicked(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = visitor(path="/data")
    page.get_by_role("link", name="Label", exact=True).click()
    ready(page)
    for _ in range(3):
        before = tweet(page)
        page.keyboard.press("Enter")
        assert tweet(page) != before
    page.get_by_role("link", name="Label", exact=True).click()  # again, being there
    page.wait_for_timeout(1000)
    before = tweet(page)
    page.keyboard.press("Enter")
    assert tweet(page) != before
    expect(saved(page)).to_have_text(SAVED)
    assert [event.kind for event in events(engine)] == ["label"] * 4
    page.get_by_role("link", name="Data", exact=True).focus()
    page.keyboard.press("Enter")  # any other link is followed
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible(timeout=20_000)


def test_enter_accepts_what_is_suggested_and_nothing_on_a_blind_tweet(
    visitor: Visitor, app: AppServer, engine: Engine
) -> None:
    make_project(engine, app.data, settings=replace(QUIET, blind_share=0.5))
    app.start()
    page = ready(visitor())
    accepted = 0
    for _ in range(12):
        before = tweet(page)
        bars = page.locator(".relabel .share").all_text_contents()
        blind = not any(bars)
        page.keyboard.press("Enter")
        if blind:
            assert tweet(page) == before
            assert page.locator(".relabel .reason").text_content() == ""
            expect(page.get_by_text("No suggestion to accept here")).to_be_visible()
            page.keyboard.press("s")
        else:
            assert tweet(page) != before
            accepted += 1
    expect(saved(page)).to_have_text(SAVED)
    labels = [event for event in events(engine) if event.kind == "label"]
    assert 0 < accepted < 12
    assert len(labels) == accepted
    assert all(event.label == event.suggested_label for event in labels)
    assert all(event.suggestion_shown for event in labels)


def test_undo_goes_back_step_by_step_also_over_a_reload(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    seen = []
    for key in "1234":
        seen.append(tweet(page))
        page.keyboard.press(key)
    page.keyboard.press("z")
    assert tweet(page) == seen[3]
    expect(saved(page)).to_have_text(SAVED)
    ready(page).reload()
    ready(page)
    for expected in (seen[2], seen[1]):
        page.keyboard.press("z")
        expect(page.locator(".relabel .tweet")).to_have_text(expected, use_inner_text=False)
    page.keyboard.press("3")
    expect(saved(page)).to_have_text(SAVED)
    assert standing(engine) == ["-1", "1"]
    assert [event.kind for event in events(engine)].count("undo") == 3


def test_answers_given_while_the_server_is_down_are_kept_and_saved_once(
    visitor: Visitor, project: int, app: AppServer, engine: Engine
) -> None:
    page = ready(visitor())
    page.keyboard.press("1")
    expect(saved(page)).to_have_text(SAVED)
    app.kill()
    for key in "234":
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    expect(saved(page)).to_have_text(re.compile("offline – 3 answers kept here"), timeout=15_000)
    page.wait_for_timeout(8000)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name=re.compile("^Label Pro")).click(timeout=5000)
    page.keyboard.press("2")
    expect(saved(page)).to_have_text(re.compile("offline – 5 answers kept here"), timeout=15_000)
    assert len(events(engine)) == 1
    app.start()
    expect(saved(page)).to_have_text(SAVED, timeout=40_000)
    assert [event.label for event in events(engine)] == ["-1", "0", "1", "2", "1", "0"]
    page.keyboard.press("1")
    expect(saved(page)).to_have_text(SAVED)
    assert len(events(engine)) == 7


def test_answers_left_over_from_an_earlier_page_load_are_sent_by_the_next(
    visitor: Visitor, project: int, app: AppServer, engine: Engine
) -> None:
    page = ready(visitor())
    answered = tweet(page)
    app.kill()
    page.keyboard.press("1")
    page.keyboard.press("2")
    app.start()
    page.reload()
    expect(saved(page)).to_have_text(SAVED, timeout=20_000)
    ready(page)
    assert tweet(page) != answered
    assert [event.label for event in events(engine)] == ["-1", "0"]
    assert page.evaluate("Object.keys(localStorage).filter(k => k.includes('outbox')).length") == 0


def test_a_reload_right_after_each_press_loses_and_doubles_nothing(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    for _ in range(8):
        page.keyboard.press("1")
        page.reload()
        expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=20_000)
    expect(saved(page)).to_have_text(SAVED, timeout=10_000)
    found = events(engine)
    assert len(found) == 8
    assert len({event.tweet_id for event in found}) == 8


@pytest.mark.parametrize("way_back", ["link", "back button"])
def test_leaving_the_page_and_coming_back_keeps_what_was_not_saved(
    visitor: Visitor, project: int, engine: Engine, way_back: str
) -> None:
    page = ready(visitor())
    for _ in range(4):
        page.keyboard.press("1")
        page.get_by_role("link", name="Export").first.click()
        expect(page.get_by_role("heading", name="Export")).to_be_visible(timeout=10_000)
        if way_back == "link":
            page.get_by_role("link", name="Label").first.click()
        else:
            page.go_back()
        expect(page.locator(".relabel .tweet")).not_to_be_empty(timeout=20_000)
    expect(saved(page)).to_have_text(SAVED, timeout=15_000)
    assert len(events(engine)) == 4


def test_the_label_page_opens_by_its_name_too(visitor: Visitor, project: int) -> None:
    page = ready(visitor(path="/label"))
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/label\?project=Climate"))


def test_a_frozen_server_does_not_stop_the_work(
    visitor: Visitor, project: int, app: AppServer, engine: Engine
) -> None:
    page = ready(visitor())
    app.freeze()
    try:
        for _ in range(6):
            page.keyboard.press("2")
        expect(saved(page)).to_have_text(re.compile("6 answers kept here"), timeout=15_000)
    finally:
        app.thaw()
    expect(saved(page)).to_have_text(SAVED, timeout=40_000)
    assert len(events(engine)) == 6


def test_a_cut_network_is_said_and_mended(visitor: Visitor, project: int, engine: Engine) -> None:
    page = ready(visitor())
    for cycle in range(3):
        page.context.set_offline(True)
        page.keyboard.press("1")
        page.keyboard.press("2")
        expect(saved(page)).to_have_text(re.compile("answers kept here"), timeout=15_000)
        page.context.set_offline(False)
        expect(saved(page)).to_have_text(SAVED, timeout=40_000)
        assert len(events(engine)) == 2 * (cycle + 1)


def test_hidden_suggestions_are_neither_seen_nor_recorded_as_seen(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    page.keyboard.press("h")
    assert not any(page.locator(".relabel .share").all_text_contents())
    before = tweet(page)
    page.keyboard.press("Enter")
    assert tweet(page) == before
    page.keyboard.press("1")
    expect(saved(page)).to_have_text(SAVED)
    page.reload()
    ready(page)
    assert not any(page.locator(".relabel .share").all_text_contents())
    page.keyboard.press("h")
    assert any(page.locator(".relabel .share").all_text_contents())
    page.keyboard.press("1")
    expect(saved(page)).to_have_text(SAVED)
    assert [event.suggestion_shown for event in events(engine)] == [False, True]


def test_two_tabs_of_one_person_do_not_ask_the_same_tweet_twice(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    one, two = ready(visitor()), ready(visitor())
    assert tweet(one) == tweet(two)
    for _ in range(5):
        before = tweet(two)
        one.keyboard.press("1")
        expect(two.locator(".relabel .tweet")).not_to_have_text(before, use_inner_text=False)
        two.keyboard.press("2")
        one.wait_for_timeout(150)
    expect(saved(one)).to_have_text(SAVED)
    expect(saved(two)).to_have_text(SAVED)
    found = events(engine)
    assert len(found) == 10
    assert len({event.tweet_id for event in found}) == 10
    assert not any(event.conflict for event in found)


def test_two_people_at_once_never_get_the_same_tweet(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    ada, ben = ready(visitor("Ada")), ready(visitor("Ben"))
    for _ in range(10):
        ada.keyboard.press("1")
        ben.keyboard.press("2")
    expect(saved(ada)).to_have_text(SAVED)
    expect(saved(ben)).to_have_text(SAVED)
    found = events(engine)
    assert len(found) == 20
    assert len({event.tweet_id for event in found}) == 20


def test_the_text_is_shown_as_it_is_and_nothing_of_it_runs(
    visitor: Visitor, project: int, engine: Engine
) -> None:
    page = ready(visitor())
    for _ in range(60):
        if tweet(page) == HOSTILE:
            break
        page.keyboard.press("s")
        page.wait_for_timeout(30)
    assert tweet(page) == HOSTILE
    assert page.locator(".relabel .tweet img").count() == 0
    assert page.title() != "owned"
    tinted = page.locator(".relabel .tweet span").all_text_contents()
    assert tinted == ["https://t.co/a?b=1&c=<b>", "#climate", "@ada"]


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_labels_stay_in_place_and_in_reach_whatever_the_text(
    visitor: Visitor, project: int, size: tuple[int, int]
) -> None:
    page = ready(visitor(size=size))
    places = set()
    for _ in range(12):
        boxes = [box.bounding_box() for box in page.locator(".relabel .label").all()]
        places.add(tuple((round(box["x"]), round(box["y"])) for box in boxes if box))
        page.keyboard.press("s")
    assert len(places) == 1
    bottom = max(box["y"] + box["height"] for box in boxes if box)
    assert bottom < size[1]
    assert all(box and box["height"] >= 38 for box in boxes)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    if size[0] < 500:
        assert all(box and box["y"] > size[1] / 2 and box["height"] >= 60 for box in boxes)


def test_everything_works_by_mouse_too(visitor: Visitor, project: int, engine: Engine) -> None:
    page = ready(visitor())
    first = tweet(page)
    page.get_by_role("button", name=re.compile("^Label Pro")).click()
    page.get_by_role("button", name=re.compile("flag")).click()
    page.get_by_role("button", name=re.compile("skip")).click()
    expect(saved(page)).to_have_text(SAVED)
    page.get_by_role("button", name=re.compile("Show this tweet again")).last.click()
    assert tweet(page) == first
    page.get_by_role("button", name=re.compile("^Label News")).click()
    page.get_by_role("button", name=re.compile("guide")).click()
    expect(page.get_by_role("dialog", name="Guidelines")).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Guidelines")).to_be_hidden()
    expect(saved(page)).to_have_text(SAVED)
    kinds = [(event.kind, event.label) for event in events(engine)]
    assert kinds == [("label", "1"), ("flag", None), ("skip", None), ("label", "2")]
    assert standing(engine).count("2") == 1


def test_an_empty_queue_and_a_missing_label_set_have_their_own_states(
    visitor: Visitor, app: AppServer, engine: Engine
) -> None:
    make_project(engine, app.data, count=2)
    app.start()
    page = ready(visitor())
    page.keyboard.press("1")
    page.keyboard.press("1")
    expect(page.locator(".relabel .state h2")).to_have_text("Nothing left to ask")
    expect(saved(page)).to_have_text(SAVED)
    page.keyboard.press("1")
    page.keyboard.press("z")
    expect(page.locator(".relabel .tweet")).not_to_be_empty()
    expect(saved(page)).to_have_text(SAVED)
    assert [event.kind for event in events(engine)] == ["label", "label", "undo"]
