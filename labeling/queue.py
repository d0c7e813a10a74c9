"""What a person is asked next: their own claims first, then new ones (labeling.choosing)."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from db.project_settings import ProjectSettings
from db.projects import current_model, settings_of
from db.schema import (
    Annotator,
    DuplicateGroup,
    Label,
    Lease,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)
from labeling.asking import QueueItem, Suggestion
from labeling.candidates import count_open
from labeling.choosing import Ahead, asking_of, claim_more, deal_ahead, is_blind
from labeling.focus import ANYTHING, Focus
from labeling.grouping import is_cut_off, is_retweet
from labeling.leasing import (
    drop_settled,
    live_elsewhere,
    own_leases,
    renew,
)
from labeling.merged import merged_labels, under_merged
from labeling.permissions import require_of

__all__ = [
    "Ahead",
    "QueueItem",
    "Suggestion",
    "deal_ahead",
    "is_blind",
    "next_items",
    "put_back",
    "why_empty",
]


def next_items(
    project: Project,
    annotator: Annotator,
    *,
    session: Session,
    count: int = 20,
    exclude: Collection[int] = (),
    focus: Focus = ANYTHING,
    ahead: Ahead | None = None,
) -> list[QueueItem]:
    """Return the next `count` tweets for a person, in order, and claim them.

    What the person holds already comes first, in the same order and mode as before; so a reload
    shows the same tweets. exclude: tweets that the browser has at hand; their claims are
    renewed. focus: what this person wants to be asked instead of the project's order; `put_back`
    first, or what they hold comes before it. ahead: what `deal_ahead` chose with the same wishes;
    what may still be asked of it spares looking while others wait to write. Fewer than `count`
    come back when there is no more; `why_empty` tells why.
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
        claim_more(project, settings, asking, needed, focus, ahead, session=session)
        held = [one for one in own_leases(asking, session=session) if one.tweet_id not in exclude]
    return _serve(held[:count], project, settings, session=session)


def put_back(
    project: Project,
    annotator: Annotator,
    *,
    session: Session,
    keep: Collection[int] = (),
    looked_for: bool = False,
) -> None:
    """Give up what a person holds, except the tweets in `keep` and those assigned by name.

    looked_for: only what the person looked for.
    """
    require_of(annotator, "answer")
    session.execute(
        delete(Lease).where(
            Lease.project_id == project.id,
            Lease.annotator_id == annotator.id,
            Lease.reason == "focus" if looked_for else Lease.reason != "assigned",
            Lease.tweet_id.not_in(keep),
        )
    )


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
        return "This project has no tweets yet. Bring in a file on the Data page."
    if own_leases(asking, session=session):
        return "More tweets are waiting for you. Reload the page."
    if focus.narrows:
        return _why_nothing_found(project, focus, session=session)
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


def _why_nothing_found(project: Project, focus: Focus, *, session: Session) -> str:
    wanted = []
    if focus.search:
        wanted.append(f"contains {focus.search!r}")
    if focus.predicted_as is not None:
        name = select(Label.name).where(
            Label.project_id == project.id, Label.value == focus.predicted_as
        )
        label = session.scalar(name) or focus.predicted_as
        wanted.append(f"is taken for {label!r} by the model")
    return (
        f"No training tweet that you may still answer {' and '.join(wanted)}. Look for something "
        "else, or clear the search and the label below the card."
    )
