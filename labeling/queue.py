"""What a person is asked next: their own claims first, then new ones (labeling.dealing).

Validation and test tweets are always asked blind, others by a coin of `blind_share`.
"""

import random
from collections.abc import Collection, Sequence
from hashlib import blake2b

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from db.clock import steady
from db.project_settings import ProjectSettings
from db.projects import current_model, settings_of
from db.schema import (
    AnnotationEvent,
    Annotator,
    DuplicateGroup,
    Lease,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)
from labeling.asking import QueueItem, Suggestion
from labeling.candidates import FEW, Asking, count_open
from labeling.dealing import Dealer
from labeling.drawing import few_open, pool_of
from labeling.focus import ANYTHING, Focus, routes
from labeling.grouping import is_cut_off, is_retweet
from labeling.leasing import (
    Pick,
    claim,
    drop_settled,
    live_elsewhere,
    own_leases,
    renew,
    returned,
)
from labeling.merged import merged_labels, under_merged
from labeling.permissions import require_of
from labeling.searching import matching
from labeling.sources import IndexSource, Plan, PoolSource, Source

__all__ = ["QueueItem", "Suggestion", "is_blind", "next_items", "put_back", "why_empty"]


def asking_of(project: Project, annotator: Annotator, *, session: Session) -> Asking:
    """Return who is asked under which rules, at this moment."""
    settings = settings_of(project)
    return Asking(project.id, annotator.id, settings.overlap, settings.propagate, steady(session))


def next_items(
    project: Project,
    annotator: Annotator,
    *,
    session: Session,
    count: int = 20,
    exclude: Collection[int] = (),
    focus: Focus = ANYTHING,
) -> list[QueueItem]:
    """Return the next `count` tweets for a person, in order, and claim them.

    What the person holds already comes first, in the same order and mode as before; so a reload
    shows the same tweets. exclude: tweets that the browser has at hand; their claims are
    renewed. focus: what this person wants to be asked instead of the project's order; `put_back`
    first, or what they hold comes before it. Fewer than `count` come back when there is no more;
    `why_empty` tells why.
    Raises PermissionRefused for somebody who is not active any more.
    """
    require_of(annotator, "answer")
    settings = settings_of(project)
    asking = asking_of(project, annotator, session=session)
    drop_settled(asking, exclude, session=session)
    renew(asking, settings.lease_seconds, session=session)
    held = [one for one in own_leases(asking, session=session) if one.tweet_id not in exclude]
    if len(held) < count:
        needed = count - len(held)
        asking.taken.update(exclude)
        asking.taken.update(one.tweet_id for one in held)
        _claim_more(project, settings, asking, needed, focus, session=session)
        held = [one for one in own_leases(asking, session=session) if one.tweet_id not in exclude]
    return _serve(held[:count], project, settings, session=session)


def _claim_more(
    project: Project,
    settings: ProjectSettings,
    asking: Asking,
    needed: int,
    focus: Focus,
    *,
    session: Session,
) -> None:
    own_order = focus == ANYTHING
    picks = returned(asking, needed, session=session) if own_order else []
    asking.taken.update(pick.tweet_id for pick in picks)
    if len(picks) < needed:
        open_groups = count_open(project.id, session=session)
        model = current_model(project, session=session)
        plan = Plan(
            order=focus.order or settings.queue_order,
            model_id=model.id if model else None,
            routes=routes(settings.expertise, asking.annotator_id, focus),
        )
        source = _source(plan, asking, needed, focus, sum(open_groups.values()), session=session)
        rng = _rng(project, asking, session=session)
        dealer = Dealer(source, settings, plan, open_groups, rng)
        picks += dealer.deal(needed - len(picks), asking, only_ordered=focus.narrows)
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


def put_back(
    project: Project, annotator: Annotator, *, session: Session, keep: Collection[int] = ()
) -> None:
    """Give up what a person holds, except the tweets in `keep` and those assigned by name."""
    require_of(annotator, "answer")
    session.execute(
        delete(Lease).where(
            Lease.project_id == project.id,
            Lease.annotator_id == annotator.id,
            Lease.reason != "assigned",
            Lease.tweet_id.not_in(keep),
        )
    )


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


def _rng(project: Project, asking: Asking, *, session: Session) -> random.Random:
    """Return the draws of this call: the same for the same seed, person and history."""
    last_event = session.scalar(
        select(func.max(AnnotationEvent.id)).where(
            AnnotationEvent.project_id == project.id,
            AnnotationEvent.annotator_id == asking.annotator_id,
        )
    )
    state = (project.split_seed, asking.annotator_id, last_event or 0, len(asking.taken))
    return random.Random(repr(state))  # noqa: S311 - a sample that can be drawn again


def _serve(
    leases: Sequence[Lease], project: Project, settings: ProjectSettings, *, session: Session
) -> list[QueueItem]:
    """Build the items, and note with each claim the suggestion that it is served with."""
    model = current_model(project, session=session)
    ids = [lease.tweet_id for lease in leases]
    query = (
        select(Tweet, DuplicateGroup.size, Prediction)
        .join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        .outerjoin(
            Prediction,
            (Prediction.tweet_id == Tweet.id)
            & (Prediction.model_version_id == (model.id if model else None)),
        )
        .where(Tweet.id.in_(ids))
    )
    facts = {row[0].id: row for row in session.execute(query)}
    merged = merged_labels(project.id, session=session)
    items = []
    for lease in leases:
        tweet, size, prediction = facts[lease.tweet_id]
        suggestion = suggestion_of(prediction, model)
        if suggestion is not None:
            suggestion = under_merged(suggestion, merged)
        _note(lease, suggestion)
        items.append(
            QueueItem(
                tweet_id=tweet.id,
                external_id=tweet.external_id,
                text=tweet.text,
                group_size=size if settings.propagate else 1,
                cut_off=is_cut_off(tweet.text),
                is_retweet=is_retweet(tweet.text),
                reason=lease.reason,
                probability=lease.probability,
                blind=lease.blind,
                lease_generation=lease.id,
                suggestion=None if lease.blind or not settings.show_suggestions else suggestion,
            )
        )
    return items


def _note(lease: Lease, suggestion: Suggestion | None) -> None:
    lease.model_version_id = suggestion.model_version_id if suggestion else None
    lease.suggested_label = suggestion.label if suggestion else None
    lease.suggested_confidence = suggestion.confidence if suggestion else None


def suggestion_of(prediction: Prediction | None, model: ModelVersion | None) -> Suggestion | None:
    """Return what a model says of a tweet as a value for showing, None without prediction."""
    if prediction is None or model is None:
        return None
    return Suggestion(
        label=prediction.label,
        confidence=prediction.confidence,
        probabilities=dict(zip(model.label_map, prediction.probabilities, strict=True)),
        model_version_id=model.id,
        model_number=model.number,
        guess=model.kind == "zero_shot",
    )


def why_empty(
    project: Project, annotator: Annotator, *, session: Session, focus: Focus = ANYTHING
) -> str:
    """Return one line that says why a person's queue is empty, and what to do about it."""
    asking = asking_of(project, annotator, session=session)
    tweets = session.scalar(select(Tweet.id).where(Tweet.project_id == project.id).limit(1))
    if tweets is None:
        return "This project has no tweets yet. Import a file on the Data page."
    if own_leases(asking, session=session):
        return "More tweets are waiting for you. Reload the page."
    if focus.narrows:
        return _why_nothing_found(focus)
    left = sum(count_open(project.id, session=session).values())
    if left == 0:
        return "Every tweet has a label. Train a model, review answers, or import more tweets."
    away = live_elsewhere(project.id, annotator.id, asking.at, session=session)
    if away:
        return (
            f"You have answered all that is free: {left:,} without label, of which {away:,} are "
            "being asked of others just now. Come back when they are done."
        )
    if asking.overlap > 1:
        return (
            f"You have answered all that you can: {left:,} tweets wait for other people, or for "
            "a reviewer because the answers differ."
        )
    return (
        f"You have answered or skipped all that is left: {left:,} tweets. Look at the skipped "
        "ones on the Data page."
    )


def _why_nothing_found(focus: Focus) -> str:
    wanted = []
    if focus.search:
        wanted.append(f"contains {focus.search!r}")
    if focus.predicted_as is not None:
        wanted.append(f"is taken for {focus.predicted_as!r} by the model")
    return (
        f"No training tweet that you may still answer {' and '.join(wanted)}. Look for something "
        "else, or clear the search and the label below the card."
    )
