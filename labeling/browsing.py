"""Looking through all tweets: search, filter, sort, page, count.

The store is read in windows of the order asked for, each by index, until the page is full and
enough is counted, or until the time is up; so an answer comes within about a second at a million
tweets, and says how far it looked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from time import monotonic
from typing import Any

import regex
from sqlalchemy import ColumnElement, and_, func, literal, select, tuple_
from sqlalchemy.orm import Session

from db.projects import current_model
from db.schema import DuplicateGroup, Prediction, Project, Tweet
from labeling.errors import SearchError
from labeling.filters import Filter, narrowed
from labeling.tweet_rows import Row, rows_of

SORTS = ("newest", "oldest", "least_sure", "most_sure", "largest_group")
BUDGET_SECONDS = 0.8
COUNT_UP_TO = 10_000
_WINDOWS = (2_000, 10_000, 50_000)  # by number, where neighbours lie together
_SCATTERED = (2_000, 10_000)  # in another order, where each tweet is a look-up
_GROUPED = 4_000  # tweets of groups in the order of their size: a few groups may be many tweets
_ONE_MATCH_SECONDS = 0.05
_LOOK_AT_CLOCK_EVERY = 500  # matches of a pattern


@dataclass(frozen=True)
class Page:
    """One page of what was found.

    total: how many fit, as far as was looked; `exact` tells whether that is all. looked_at: how
    much of the project was searched (0..1). message: what the reader should know, or empty.
    """

    rows: list[Row]
    total: int
    exact: bool
    looked_at: float
    message: str


@dataclass(frozen=True)
class Bin:
    """How many predictions lie in low <= confidence < high (the last bin holds 1 too)."""

    low: float
    high: float
    count: int


def browse(
    project: Project,
    wanted: Filter,
    *,
    session: Session,
    sort: str = "newest",
    page: int = 0,
    page_size: int = 50,
    budget_seconds: float = BUDGET_SECONDS,
) -> Page:
    """Return one page of the tweets that fit. Pages are counted from 0.

    Raises SearchError for a bad pattern, an unknown sort order, or an impossible page. The time
    is a budget: when it is up, what was found by then is returned, and the message says so.
    """
    if sort not in SORTS:
        raise SearchError(f"{sort!r} is no sort order; choose one of {', '.join(SORTS)}")
    if page < 0 or not 1 <= page_size <= 1000:
        raise SearchError(f"page {page} of {page_size} rows; pages start at 0, with 1 to 1000 rows")
    pattern = _compiled(wanted.text) if wanted.regex and wanted.text else None
    search = _Search(project, wanted, sort, pattern, session)
    first = page * page_size
    enough, start = max(COUNT_UP_TO, first + page_size), monotonic()
    share = search.share_of_time()
    found = search.run(enough, start + budget_seconds * share) if share else _Found([], message="-")
    if found.message and share < 1:
        # What fits is rare. By number the store is read several times as fast: find all that
        # fits first, then sort it.
        by_number = _Search(project, wanted, "oldest", pattern, session)
        everything = by_number.run(enough, start + budget_seconds)
        if everything.complete:
            found = _Found(search.sorted(everything.ids))
        elif not share:
            everything.ids = search.sorted(everything.ids)
            found = everything
    rows = rows_of(found.ids[first : first + page_size], search.model_id, session=session)
    total, exact = len(found.ids), found.complete
    if wanted.is_empty():
        total, exact = _count_all(project.id, session=session), True
    return Page(rows, total, exact, found.looked_at, found.message)


def confidence_histogram(
    project: Project, *, session: Session, suggestion: str | None = None, bins: int = 20
) -> list[Bin]:
    """Return how sure the current model is, over the tweets that it predicted."""
    model = current_model(project, session=session)
    result = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        query = select(func.count()).where(
            Prediction.model_version_id == (model.id if model else None),
            Prediction.confidence >= low,
        )
        if place < bins - 1:
            query = query.where(Prediction.confidence < high)
        if suggestion is not None:
            query = query.where(Prediction.label == suggestion)
        result.append(Bin(low, high, session.scalar(query) or 0))
    return result


def _compiled(pattern: str) -> "regex.Pattern[str]":
    try:
        return regex.compile(pattern, regex.IGNORECASE)
    except regex.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        raise SearchError(
            f"the pattern {pattern!r} cannot be used: {error.msg}{place}. "
            "To search for the text as it stands, turn off 'regular expression'."
        ) from error


def _count_all(project_id: int, *, session: Session) -> int:
    return session.scalar(select(func.count()).where(Tweet.project_id == project_id)) or 0


@dataclass
class _Found:
    ids: list[int]
    complete: bool = True
    looked_at: float = 1.0
    message: str = ""


class _Search:
    """One search: the order it walks in, and the windows it reads."""

    def __init__(
        self,
        project: Project,
        wanted: Filter,
        sort: str,
        pattern: "regex.Pattern[str] | None",
        session: Session,
    ) -> None:
        model = current_model(project, session=session)
        self.project_id, self.wanted, self.pattern = project.id, wanted, pattern
        self.model_id = model.id if model else None
        self.session = session
        self.falling = sort in {"newest", "most_sure", "largest_group"}
        self.by_confidence = sort in {"least_sure", "most_sure"}
        self.by_size = sort == "largest_group"

    def run(self, enough: int, deadline: float) -> _Found:
        """Read windows until `enough` fit, all was read, or the deadline passed."""
        found = _Found([])
        seen, began = 0, monotonic()
        for window, size in self._windows():
            seen += size
            try:
                fitting, read_all = self._fitting(window, enough - len(found.ids), deadline)
            except TimeoutError as error:
                raise SearchError(
                    f"the pattern {self.wanted.text!r} takes too long on a single tweet; make it "
                    "simpler (nested repeats such as (a+)+ are the usual cause)"
                ) from error
            found.ids += fitting
            if len(found.ids) >= enough:
                found.complete = False
                return found
            if not read_all:
                seen -= size
                break
            # A window takes about as long as the one before: better stop than be late.
            moment = monotonic()
            if moment + 0.7 * (moment - began) > deadline:
                break
            began = moment
        else:
            return found
        return self._stopped(found, seen)

    def share_of_time(self) -> float:
        """Return how much of the time budget a walk in this order should take at first.

        None where few tweets can fit: those that people answered are found faster by number.
        """
        if not (self.by_confidence or self.by_size):
            return 1.0
        return 0.0 if self.wanted.needs_answers() else 0.3

    def sorted(self, ids: list[int]) -> list[int]:
        """Return tweets in this search's order; those that the order does not know are left out."""
        key, number, own = self._place()
        query = select(Tweet.id).where(Tweet.id.in_(ids))
        if self.by_confidence:
            query = query.join(Prediction, and_(Prediction.tweet_id == Tweet.id, own))
        else:
            query = query.join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        # "+ 0": else SQLite walks the whole index of this order to find these few in it.
        columns = (key + 0, number + 0, Tweet.id)
        return list(
            self.session.scalars(
                query.order_by(*(one.desc() if self.falling else one for one in columns))
            )
        )

    def _stopped(self, found: "_Found", seen: int) -> "_Found":
        """Say how far the search came in its time."""
        total = self._size()
        found.complete = seen >= total
        if not found.complete:
            found.looked_at = seen / total
            what = "groups" if self.by_size else "tweets"
            found.message = (
                f"Stopped after {seen:,} of {total:,} {what} to answer in time; there may be "
                "more. Narrow the search."
            )
        return found

    def _size(self) -> int:
        """Return how many entries the walked index has for this project."""
        if self.by_confidence:
            query = select(func.count()).where(Prediction.model_version_id == self.model_id)
        elif self.by_size:
            query = select(func.count()).where(DuplicateGroup.project_id == self.project_id)
        else:
            return _count_all(self.project_id, session=self.session)
        return self.session.scalar(query) or 0

    def _place(self) -> tuple[Any, Any, ColumnElement[bool]]:
        """Return the walked index: its columns and the part of it that is this project's."""
        if self.by_confidence:
            own = Prediction.model_version_id == self.model_id
            return Prediction.confidence, Prediction.tweet_id, own
        own = DuplicateGroup.project_id == self.project_id
        return DuplicateGroup.size, DuplicateGroup.id, own

    def _windows(self) -> Iterator[tuple[ColumnElement[bool] | tuple[int, int], int]]:
        if not (self.by_confidence or self.by_size):
            yield from self._id_windows()
            return
        key, number, own = self._place()
        order = (key.desc(), number.desc()) if self.falling else (key, number)
        place, after = tuple_(key, number), None
        for planned in _growing(_SCATTERED):
            here = own
            if after is not None:
                bound = tuple_(literal(after[0]), literal(after[1]))
                here = and_(own, place < bound if self.falling else place > bound)
            size = planned
            if self.by_size:
                largest = self.session.scalar(select(key).where(here).order_by(*order).limit(1))
                size = max(1, min(planned, _GROUPED // max(1, largest or 1)))
            edge = select(key, number).where(here).order_by(*order).offset(size - 1).limit(1)
            last = self.session.execute(edge).one_or_none()
            if last is None:
                yield here, size
                return
            bound = tuple_(literal(last[0]), literal(last[1]))
            yield and_(here, place >= bound if self.falling else place <= bound), size
            after = (last[0], last[1])

    def _id_windows(self) -> Iterator[tuple[tuple[int, int], int]]:
        mine = Tweet.project_id == self.project_id
        if self.wanted.group_id is not None:
            mine = Tweet.group_id == self.wanted.group_id
        # Two questions, each answered by one end of an index; asked as one, all would be read.
        low = self.session.scalar(select(func.min(Tweet.id)).where(mine)) or 0
        high = self.session.scalar(select(func.max(Tweet.id)).where(mine)) or 0
        for size in _growing(_WINDOWS):
            if self.falling:
                yield (max(low, high - size + 1), high), size
                high -= size
            else:
                yield (low, min(high, low + size - 1)), size
                low += size
            if low > high:
                return

    def _fitting(
        self, window: ColumnElement[bool] | tuple[int, int], needed: int, deadline: float
    ) -> tuple[list[int], bool]:
        """Return what fits in a window, and whether all of it was read in time."""
        text: list[Any] = [Tweet.text] if self.pattern is not None else []
        # "+ 0": a bare column would tempt SQLite to read the project's index, not the window.
        query = select(Tweet.id, *text).where(Tweet.project_id + 0 == self.project_id)
        bounds = None
        if self.by_confidence or self.wanted.needs_prediction():
            mine = and_(
                Prediction.tweet_id == Tweet.id, Prediction.model_version_id == self.model_id
            )
            query = query.join(Prediction, mine)
        if isinstance(window, tuple):
            bounds = window
            order: tuple[Any, ...] = (Tweet.id,)
            query = query.where(Tweet.id.between(*window))
        else:
            key, number, _ = self._place()
            order = (key, number, Tweet.id)[: 3 if self.by_size else 2]
            if self.by_size:
                # Few groups, by name: else SQLite may well begin at another end.
                groups = self.session.scalars(select(DuplicateGroup.id).where(window)).all()
                query = query.where(Tweet.group_id.in_(groups))
            else:
                query = query.where(window)
        if self.by_size and self.wanted.group_size is None:
            query = query.join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        narrow = narrowed(query, self.wanted, bounds, session=self.session)
        ordered = narrow.order_by(*(one.desc() if self.falling else one for one in order))
        if self.pattern is None:
            return list(self.session.scalars(ordered.limit(needed))), True
        found: list[int] = []
        for place, row in enumerate(self.session.execute(ordered)):
            if self.pattern.search(row[1], timeout=_ONE_MATCH_SECONDS) is not None:
                found.append(row[0])
            if place % _LOOK_AT_CLOCK_EVERY == 0 and monotonic() > deadline:
                return found[:needed], False
        return found[:needed], True


def _growing(sizes: tuple[int, ...]) -> Iterator[int]:
    return chain(sizes, repeat(sizes[-1]))
