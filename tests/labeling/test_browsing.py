"""Looking through all tweets."""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import pytest
from small_store import Store
from sqlalchemy import update

from db.schema import Gold, Project, Tweet
from labeling.browsing import Page, _Search, browse, confidence_histogram
from labeling.errors import SearchError
from labeling.filters import Filter

MakeStore = Callable[..., Store]


def look(store: Store, sort: str = "oldest", page: int = 0, size: int = 50, **what: Any) -> Page:
    budget = what.pop("budget_seconds", 60.0)
    with store.read() as (session, project, _):
        return browse(
            project,
            Filter(**what),
            session=session,
            sort=sort,
            page=page,
            page_size=size,
            budget_seconds=budget,
        )


def ids(page: Page) -> list[int]:
    return [row.tweet_id for row in page.rows]


def write_texts(store: Store, texts: Sequence[str]) -> None:
    with store.write() as (session, _, _person):
        for number, text in enumerate(texts, start=1):
            session.execute(update(Tweet).where(Tweet.id == number).values(text=text))


@pytest.fixture
def worked_on(store_of: MakeStore) -> Store:
    """Eight tweets: 1-3 one group; ann labelled 1, bob too but otherwise; 5 flagged; 6 skipped."""
    store = store_of((3, 1, 1, 1, 1, 1), splits=("train", "test"))
    store.label(1, "1", "ann")
    store.label(1, "2", "bob")
    store.act("flag", 5, "ann")
    store.act("comment", 5, "ann", comment="hm")
    store.act("skip", 6, "bob")
    with store.write() as (session, project, _):
        session.add(Gold(tweet_id=8, project_id=project.id, label="0", source="imported"))
    return store


def person(store: Store, name: str) -> int:
    with store.read(name) as (_, _project, found):
        return found.id


def test_all_tweets_in_each_order(worked_on: Store) -> None:
    assert ids(look(worked_on)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ids(look(worked_on, "newest")) == [8, 7, 6, 5, 4, 3, 2, 1]
    assert ids(look(worked_on, "least_sure"))[3:] == [4, 5, 6, 7, 8]
    assert ids(look(worked_on, "most_sure"))[:5] == [8, 7, 6, 5, 4]
    assert sorted(ids(look(worked_on, "largest_group"))[:3]) == [1, 2, 3]
    assert look(worked_on).total == 8


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"labelled": True}, [1, 2, 3, 8]),
        ({"labelled": False}, [4, 5, 6, 7]),
        ({"label": "1"}, [1, 2, 3]),
        ({"source": "propagated"}, [2, 3]),
        ({"source": "imported", "label": "1"}, []),
        ({"suggestion": "0"}, [4, 8]),
        ({"low": 0.35, "high": 0.55}, [4, 5]),
        ({"split": "test"}, [4, 6, 8]),
        ({"reviewed": True}, [1]),
        ({"reviewed": False, "labelled": True}, [2, 3, 8]),
        ({"flagged": True}, [5]),
        ({"commented": True}, [5]),
        ({"skipped": True}, [6]),
        ({"disagreeing": True}, [1]),
        ({"disagreeing": False, "label": "1"}, [2, 3]),
        ({"group_size": 2}, [1, 2, 3]),
        ({"group_id": 1}, [1, 2, 3]),
        ({"text": "TEXT 3"}, [6]),
        ({"text": "_ext"}, []),
        ({"text": "%"}, []),
        ({"text": "^text [45]$", "regex": True}, [7, 8]),
        ({"text": "[45]", "regex": True, "labelled": True}, [8]),
    ],
)
def test_filters(worked_on: Store, what: dict[str, Any], expected: list[int]) -> None:
    for sort in ("oldest", "newest", "least_sure", "most_sure", "largest_group"):
        found = look(worked_on, sort, **what)
        assert sorted(ids(found)) == expected
        assert (found.total, found.exact, found.message) == (len(expected), True, "")


def test_by_annotator_and_what_they_did(worked_on: Store) -> None:
    ann, bob = person(worked_on, "ann"), person(worked_on, "bob")
    assert ids(look(worked_on, annotator_id=ann)) == [1]
    assert ids(look(worked_on, annotator_id=bob)) == [1, 6]
    assert ids(look(worked_on, annotator_id=ann, flagged=True)) == [5]
    assert ids(look(worked_on, annotator_id=bob, flagged=True)) == []


def test_rows_say_what_is_known(worked_on: Store) -> None:
    rows = {row.tweet_id: row for row in look(worked_on).rows}
    assert (rows[1].label, rows[1].source, rows[1].answers) == ("1", "single", 2)
    assert (rows[1].group_size, rows[2].source) == (3, "propagated")
    assert (rows[5].flagged, rows[5].commented, rows[5].label) == (True, True, None)
    assert rows[4].suggestion == "0"
    assert rows[8].external_id == str(10**18 + 8)


def test_pages_follow_each_other(store_of: MakeStore) -> None:
    store = store_of((1,) * 130)
    for sort in ("newest", "least_sure", "largest_group"):
        pages = [look(store, sort, page=number, size=50, text="text") for number in range(4)]
        assert [len(page.rows) for page in pages] == [50, 50, 30, 0]
        assert len({number for page in pages for number in ids(page)}) == 130
        assert pages[0].total == 130


def test_windows_join_without_gap_or_repeat(store_of: MakeStore) -> None:
    store = store_of((1,) * 4500)  # more than the first window in each order
    for sort in ("newest", "oldest", "least_sure", "most_sure", "largest_group"):
        found = look(store, sort, size=1000, text="9")
        expected = [number for number in range(1, 4501) if "9" in f"text {number - 1}"]
        rest = ids(look(store, sort, page=1, size=1000, text="9"))
        assert sorted([*ids(found), *rest]) == expected
    confidences = [row.confidence or 0 for row in look(store, "most_sure", size=1000).rows]
    assert confidences == sorted(confidences, reverse=True)


def test_other_projects_are_not_shown(worked_on: Store) -> None:
    with worked_on.write() as (session, _, _person):
        session.add(Project(name="other"))
    other = Store(worked_on.engine, "other")
    for sort in ("newest", "least_sure", "largest_group"):
        assert look(other, sort).rows == []
        assert look(other, sort, text="text").total == 0


@pytest.mark.parametrize("pattern", ["(", "[a-", "*", "(?P<x", r"\p{Nothing}"])
def test_a_bad_pattern_is_a_message(worked_on: Store, pattern: str) -> None:
    with pytest.raises(SearchError, match="cannot be used"):
        look(worked_on, text=pattern, regex=True)


def test_a_pattern_that_never_ends_is_cut_off(worked_on: Store) -> None:
    write_texts(worked_on, ["a" * 5000 + "!"])
    with pytest.raises(SearchError, match="takes too long on a single tweet"):
        look(worked_on, text=r"^(a|a)*(a|a)*(a|a)*$", regex=True)


def test_when_the_time_is_up_what_was_found_is_shown(store_of: MakeStore) -> None:
    store = store_of((1,) * 4500)
    found = look(store, "oldest", text="text 3", budget_seconds=0.0)
    assert not found.exact
    assert 0 < found.looked_at < 1
    assert "Stopped after 2,000 of 4,500" in found.message
    assert found.rows


def test_what_is_rare_is_found_and_sorted_even_when_the_walk_has_no_time(
    store_of: MakeStore,
) -> None:
    store = store_of((1,) * 4500)
    for sort in ("least_sure", "most_sure", "largest_group"):
        with store.read() as (session, project, _):
            search = _Search(project, Filter(text="text 44"), sort, None, session)
            whole = search.run(10_000, monotonic() + 60)
            by_number = _Search(project, Filter(text="text 44"), "oldest", None, session)
            found = search.sorted(by_number.run(10_000, monotonic() + 60).ids)
        assert whole.complete
        assert found == whole.ids
        assert len(found) == 111


@pytest.mark.parametrize(
    "what", [{"split": "dev"}, {"low": 1.5}, {"text": "x" * 501}, {"high": -0.1}]
)
def test_impossible_filters_are_refused(what: dict[str, Any]) -> None:
    with pytest.raises(SearchError):
        Filter(**what)


def test_impossible_pages_and_orders_are_refused(worked_on: Store) -> None:
    with pytest.raises(SearchError, match="no sort order"):
        look(worked_on, "alphabetical")
    with pytest.raises(SearchError, match="pages start at 0"):
        look(worked_on, page=-1)


def test_the_histogram_counts_every_prediction_once(worked_on: Store) -> None:
    with worked_on.read() as (session, project, _):
        bins = confidence_histogram(project, session=session)
        zero = confidence_histogram(project, session=session, suggestion="0")
    assert sum(one.count for one in bins) == 8
    assert sum(one.count for one in zero) == 2
    assert next(one.count for one in bins if one.low == pytest.approx(0.3)) == 3


def test_without_a_model_nothing_is_sorted_by_it(store_of: MakeStore) -> None:
    store = store_of(model=False)
    assert look(store, "least_sure").rows == []
    assert len(look(store, "newest").rows) == 20
    with store.read() as (session, project, _):
        assert sum(one.count for one in confidence_histogram(project, session=session)) == 0
