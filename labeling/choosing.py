"""Choosing what a person is asked next, and claiming it.

Choosing takes most of the time. So it can be done ahead, in a transaction that only reads
(`deal_ahead`); the one that claims looks whether the chosen may still be asked.
Validation and test tweets are always asked blind, others by a coin of `blind_share`.
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.clock import steady
from db.project_settings import ProjectSettings
from db.projects import current_model, settings_of
from db.schema import AnnotationEvent, Annotator, Project, Tweet
from labeling.candidates import FEW, Asking, count_open, eligible
from labeling.dealing import Dealer
from labeling.drawing import few_open, pool_of
from labeling.focus import ANYTHING, Focus, routes
from labeling.leasing import Pick, claim, own_leases, returned, settled_claims
from labeling.permissions import require_of
from labeling.searching import matching
from labeling.sources import IndexSource, Plan, PoolSource, Source


@dataclass(frozen=True)
class Ahead:
    """Tweets chosen before they are claimed. last_event: the person's last act by then."""

    picks: tuple[Pick, ...]
    last_event: int


def asking_of(project: Project, annotator: Annotator, *, session: Session) -> Asking:
    """Return who is asked under which rules, at this moment."""
    settings = settings_of(project)
    return Asking(project.id, annotator.id, settings.overlap, settings.propagate, steady(session))


def deal_ahead(
    project: Project,
    annotator: Annotator,
    *,
    session: Session,
    count: int,
    exclude: Collection[int] = (),
    focus: Focus = ANYTHING,
) -> Ahead:
    """Choose what `next_items` will claim if nothing comes between, without changing anything.

    For a transaction that only reads, before the one that writes: choosing takes most of the time.
    """
    require_of(annotator, "answer")
    asking = replace(asking_of(project, annotator, session=session), only_looks=True)
    settled = settled_claims(asking, exclude, session=session)
    held = [
        one.tweet_id
        for one in own_leases(asking, session=session)
        if one.tweet_id not in exclude and one.id not in settled
    ]
    asking.taken.update(exclude, held)
    last_event = _last_event(asking, session=session)
    needed = count - len(held)
    if needed <= 0:
        return Ahead((), last_event)
    settings = settings_of(project)
    picks = _deal(project, settings, asking, needed, focus, last_event, session=session)
    return Ahead(tuple(picks), last_event)


def claim_more(
    project: Project,
    settings: ProjectSettings,
    asking: Asking,
    needed: int,
    focus: Focus,
    ahead: Ahead | None,
    *,
    session: Session,
) -> None:
    """Choose up to `needed` tweets for a person and claim them; first those returned by others."""
    own_order = focus == ANYTHING
    picks = returned(asking, needed, session=session) if own_order else []
    asking.taken.update(pick.tweet_id for pick in picks)
    if len(picks) < needed:
        last_event = _last_event(asking, session=session)
        new = _still_free(ahead, last_event, asking, session=session)[: needed - len(picks)]
        asking.taken.update(pick.tweet_id for pick in new)
        rest = needed - len(picks) - len(new)
        if rest:
            new += _deal(project, settings, asking, rest, focus, last_event, session=session)
        if any(pick.reason != "repeat" for pick in new):
            picks += new  # with nothing but repeats left, the person is done
    seed = project.split_seed
    splits = _splits([pick.tweet_id for pick in picks], session=session)
    final = [
        Pick(
            pick.tweet_id,
            pick.reason,
            pick.probability,
            pick.reason == "repeat"
            or is_blind(pick.tweet_id, splits[pick.tweet_id], asking.annotator_id, seed, settings),
        )
        for pick in picks
    ]
    claim(final, asking, settings.lease_seconds, session=session)


def _still_free(
    ahead: Ahead | None, last_event: int, asking: Asking, *, session: Session
) -> list[Pick]:
    """Return what may still be asked of the tweets that were chosen ahead.

    Nothing once the person has answered meanwhile, in another tab: the draws go by that.
    """
    if ahead is None or ahead.last_event != last_event:
        return []
    chosen = [pick for pick in ahead.picks if pick.tweet_id not in asking.taken]
    fresh = [pick.tweet_id for pick in chosen if pick.reason != "repeat"]
    allowed = eligible(fresh, asking, session=session)
    return [pick for pick in chosen if pick.reason == "repeat" or pick.tweet_id in allowed]


def _deal(
    project: Project,
    settings: ProjectSettings,
    asking: Asking,
    needed: int,
    focus: Focus,
    last_event: int,
    *,
    session: Session,
) -> list[Pick]:
    open_groups = count_open(project.id, session=session)
    model = current_model(project, session=session)
    plan = Plan(
        order=focus.order or settings.queue_order,
        model_id=model.id if model else None,
        routes=routes(settings.expertise, asking.annotator_id, focus),
    )
    source = _source(plan, asking, needed, focus, sum(open_groups.values()), session=session)
    dealer = Dealer(source, settings, plan, open_groups, _rng(project, asking, last_event))
    return dealer.deal(needed, asking, only_ordered=focus.narrows)


def _source(
    plan: Plan, asking: Asking, needed: int, focus: Focus, open_groups: int, *, session: Session
) -> Source:
    if focus.search:
        ids = matching(focus.search, asking, session=session)
    elif asking.propagate and open_groups <= FEW:
        ids = few_open(asking=asking, session=session)
    else:
        return IndexSource(plan, asking, needed, session)
    pool = pool_of(ids, plan.order, plan.model_id, asking, session=session)
    return PoolSource(plan, asking, pool, session)


def is_blind(
    tweet_id: int, split: str, annotator_id: int, seed: int, settings: ProjectSettings
) -> bool:
    """Tell whether a person is asked a tweet without its suggestion; the same each time."""
    if split != "train":
        return True
    digest = blake2b(f"{seed}:{annotator_id}:{tweet_id}:blind".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 < settings.blind_share


def _splits(tweet_ids: Sequence[int], *, session: Session) -> dict[int, str]:
    query = select(Tweet.id, Tweet.split).where(Tweet.id.in_(tweet_ids))
    return {row.id: row.split for row in session.execute(query)}


def _last_event(asking: Asking, *, session: Session) -> int:
    query = select(func.max(AnnotationEvent.id)).where(
        AnnotationEvent.project_id == asking.project_id,
        AnnotationEvent.annotator_id == asking.annotator_id,
    )
    return session.scalar(query) or 0


def _rng(project: Project, asking: Asking, last_event: int) -> random.Random:
    """Return the draws of this call: the same for the same seed, person and history."""
    state = (project.split_seed, asking.annotator_id, last_event, len(asking.taken))
    return random.Random(repr(state))  # noqa: S311 - a sample that can be drawn again
