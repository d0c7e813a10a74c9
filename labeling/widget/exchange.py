"""What the card in the browser and the store say to each other.

The browser sends its whole outbox, again and again, until each key in it is acknowledged. So
every key that arrives is answered in the same run: from memory when this page answered it
already, else by the store, which knows each key once. Nothing here depends on what arrived
before, and a run that is lost costs nothing.
"""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, bindparam, select
from sqlalchemy.orm import Session

from db.projects import settings_of
from db.schema import Annotator, Label, Project
from db.sessions import reading, writing
from labeling.answering import counters, history, record
from labeling.asking import Answer, QueueItem, Recorded, Remark
from labeling.errors import AnswerError
from labeling.examples import examples_of
from labeling.focus import ANYTHING, Focus
from labeling.history import remarks
from labeling.permissions import may
from labeling.queue import deal_ahead, next_items, put_back, why_empty

AT_HAND = 40  # tweets that wait in the browser
REFILL_BELOW = 28  # twenty quick presses must not outrun the server
URGENT_BELOW = 12
KEPT_IN_PLACE = 5  # the person may be looking at one of these while the rest is asked for anew
HISTORY = 30
MOST_ANSWERS = 500  # of one outbox; the rest comes with the next
REMEMBERED = 2000
LOOK_AFTER_SECONDS = 15.0  # counting labels is too slow for each press
MOVES_ON = ("label", "skip")
# Choosing tweets is the page's heaviest work, and nobody waits for what is fetched in time. Where
# several pages of a server did it at once, those who answered meanwhile waited for all of them.
_fetching = threading.Lock()
_LABEL = Label.metadata.tables["label"].c
_LABELS = (
    select(_LABEL.value, _LABEL.name, _LABEL.description, _LABEL.hotkey, _LABEL.color)
    .where(_LABEL.project_id == bindparam("project"), _LABEL.active)
    .order_by(_LABEL.position, _LABEL.id)
)
# Built once: it is asked in each transaction of the page.
_WHO = (
    select(Project, Annotator)
    .join(Annotator, Annotator.id == bindparam("person"))
    .where(Project.id == bindparam("project"))
)


@dataclass
class Exchange:
    """One page in one browser. server: tells the browser that memory started anew.

    replied: to the question that was answered last (labeling.widget.questions). focus: what the
    person wants to be asked. warmed: the model that was loaded to explain its suggestions.
    lease_seconds: of the project, as last read.
    """

    project_id: int
    annotator_id: int
    server: str = field(default_factory=lambda: secrets.token_hex(8))
    run: int = 0
    known: dict[str, Recorded] = field(default_factory=dict)
    items: list[QueueItem] = field(default_factory=list)
    fetched_at: float = float("-inf")
    active_at: float = float("-inf")
    unseen_labels: bool = False
    looked_after_at: float = float("-inf")
    replied: dict[str, Any] | None = None
    focus: Focus = ANYTHING
    warmed: int | None = None
    lease_seconds: int = 600


@dataclass(frozen=True)
class Taken:
    """What one run took in. acks: for every key that came."""

    acks: tuple[Recorded, ...] = ()


def take(sent: Sequence[Any], exchange: Exchange, *, engine: Engine) -> Taken:
    """Record what is new of an outbox in one transaction and acknowledge all of it."""
    answers, acks = _read(sent[:MOST_ANSWERS])
    fresh = [answer for answer in answers if answer.key not in exchange.known]
    if fresh:
        with writing(engine) as session:
            project, person = _who(exchange, session=session)
            recorded = record(fresh, project, person, session=session)
        # Only here is it committed; before, nothing may be acknowledged.
        exchange.known.update({one.key: one for one in recorded})
        exchange.active_at = time.monotonic()
        if any(answer.kind == "undo" for answer in fresh):
            exchange.fetched_at = float("-inf")  # the tweet is claimed anew, under a new number
        _forget_answered(fresh, recorded, exchange)
        _forget_oldest(exchange.known)
        exchange.unseen_labels |= any(answer.kind in {"label", "undo"} for answer in fresh)
    acks += [exchange.known[answer.key] for answer in answers if answer.key in exchange.known]
    return Taken(tuple(acks))


def model_due(exchange: Exchange) -> bool:
    """Tell whether to look if the probe should train again; not more than once in a while."""
    moment = time.monotonic()
    due = exchange.unseen_labels and moment - exchange.looked_after_at >= LOOK_AFTER_SECONDS
    if due:
        exchange.unseen_labels, exchange.looked_after_at = False, moment
    return due


def look_again(exchange: Exchange) -> None:
    """Have model_due say yes after a while: a job was running, so that none could be started."""
    exchange.unseen_labels = True


def _read(sent: Sequence[Any]) -> tuple[list[Answer], list[Recorded]]:
    """Read answers one by one: one that cannot be read is refused and holds up no other."""
    answers: list[Answer] = []
    refused: list[Recorded] = []
    for one in sent:
        if not isinstance(one, dict) or not isinstance(one.get("key"), str):
            continue
        try:
            answers.append(Answer.from_json(one))
        except AnswerError as error:
            refused.append(Recorded(one["key"], None, "refused", str(error)))
    return answers, refused


def _forget_answered(
    answers: Sequence[Answer], recorded: Sequence[Recorded], exchange: Exchange
) -> None:
    states = {one.key: one.state for one in recorded}
    done = {
        answer.tweet_id
        for answer in answers
        if answer.kind in MOVES_ON and states.get(answer.key) != "refused"
    }
    exchange.items = [item for item in exchange.items if item.tweet_id not in done]


def _forget_oldest(known: dict[str, Recorded]) -> None:
    for key in list(known)[: max(0, len(known) - REMEMBERED)]:
        del known[key]


def turn_to(focus: Focus, exchange: Exchange, *, engine: Engine) -> bool:
    """Ask for something else from now on: what waits is put back, but for the tweet in view.

    A page that has not asked yet puts back what an earlier one had looked for, or that would come
    before all else. Returns whether it was something else, or the page has not asked yet.
    """
    new = not exchange.run
    if focus == exchange.focus and not new:
        return False
    changed = focus != exchange.focus
    exchange.focus = focus
    exchange.items = exchange.items[:1]
    exchange.fetched_at = float("-inf")
    with writing(engine) as session:
        project, person = _who(exchange, session=session)
        in_view = [item.tweet_id for item in exchange.items]
        put_back(project, person, keep=in_view, looked_for=not changed, session=session)
    return True


def order_of(exchange: Exchange, *, engine: Engine) -> str:
    """Return the order in which this page asks."""
    with reading(engine) as session:
        project, _ = _who(exchange, session=session)
        return exchange.focus.order or settings_of(project).queue_order


def fill(exchange: Exchange, *, engine: Engine) -> bool:
    """Fetch tweets at once where the card would else run dry, or an undo made a new claim.

    Returns whether it did.
    """
    urgent = len(exchange.items) < URGENT_BELOW or exchange.fetched_at == float("-inf")
    if urgent:
        _fetch(exchange, engine=engine)
    return urgent


def refill(exchange: Exchange, *, engine: Engine) -> None:
    """Fetch more tweets in time, and renew the claims of a person who is at work.

    For after the card was drawn: nobody waits for it, and they go with the next drawing. While
    another page of this server fetches, this one leaves it to its next answer.
    """
    moment = time.monotonic()
    stale = moment - exchange.fetched_at > exchange.lease_seconds / 3
    at_work = moment - exchange.active_at < exchange.lease_seconds
    due = len(exchange.items) < REFILL_BELOW or (stale and at_work)
    if due and _fetching.acquire(blocking=False):
        try:
            _fetch(exchange, engine=engine)
        finally:
            _fetching.release()


def _fetch(exchange: Exchange, *, engine: Engine) -> None:
    first = exchange.items[:KEPT_IN_PLACE]
    at_hand = [item.tweet_id for item in first]
    count = AT_HAND - len(first)
    wish: dict[str, Any] = {"count": count, "exclude": at_hand, "focus": exchange.focus}
    # Chosen before, claimed after: while it is chosen, others can save their answers.
    with reading(engine) as session:
        project, person = _who(exchange, session=session)
        ahead = deal_ahead(project, person, session=session, **wish)
    with writing(engine) as session:
        project, person = _who(exchange, session=session)
        exchange.lease_seconds = settings_of(project).lease_seconds
        more = next_items(project, person, session=session, ahead=ahead, **wish)
    exchange.items = [*first, *more]
    exchange.fetched_at = time.monotonic()


def to_json(
    exchange: Exchange,
    taken: Taken,
    *,
    engine: Engine,
    base: str,
    day_start: datetime | None = None,
    reply: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what the card draws, as plain values.

    day_start: when the person's day began; reply: to what the person asked of the tweet.
    """
    exchange.run += 1
    with reading(engine) as session:
        project, person = _who(exchange, session=session)
        exchange.lease_seconds = settings_of(project).lease_seconds
        counted = counters(project, person, session=session, day_start=day_start)
        return {
            # Never the same for two stores: what a browser keeps must not reach another one.
            "scope": f"{project.id}-{int(project.created_at.timestamp())}-{person.id}",
            "server": exchange.server,
            "run": exchange.run,
            "base": base,
            "labels": _labels(project, session=session),
            "guidelines": project.guidelines,
            "examples": [asdict(one) for one in examples_of(project, session=session)],
            "may_add_examples": may(person.role, "adjudicate"),
            "reply": reply,
            "items": [item.to_json() for item in exchange.items],
            "ack": [
                {"key": one.key, "state": one.state, "message": one.message} for one in taken.acks
            ],
            "history": [
                {
                    "key": one.key,
                    "tweet_id": one.tweet_id,
                    "text": one.text,
                    "kind": one.kind,
                    "label": one.label,
                    "flagged": one.flagged,
                    "comment": one.comment,
                }
                for one in history(project, person, session=session, limit=HISTORY)
            ],
            "remarks": [vars(one) for one in _remarks(exchange, person, session=session)],
            "counters": {
                "done_today": counted.done_today,
                "per_hour": counted.per_hour,
                "agreement_with_model": counted.agreement_with_model,
                "left": counted.left,
                "goal": counted.goal,
            },
            "empty": ""
            if exchange.items
            else why_empty(project, person, session=session, focus=exchange.focus),
        }


def _remarks(exchange: Exchange, person: Annotator, *, session: Session) -> list[Remark]:
    """Return what this person remarked on tweets that they have not answered."""
    return remarks([item.tweet_id for item in exchange.items], person, session=session)


def _labels(project: Project, *, session: Session) -> list[dict[str, str]]:
    rows = session.execute(_LABELS, {"project": project.id}).mappings()
    return [dict(row) for row in rows]


def _who(exchange: Exchange, *, session: Session) -> tuple[Project, Annotator]:
    numbers = {"project": exchange.project_id, "person": exchange.annotator_id}
    project, person = session.execute(_WHO, numbers).one()
    return project, person
