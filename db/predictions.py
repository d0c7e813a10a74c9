"""Reading tweets that lack a prediction and writing predictions, in chunks."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import delete, exists, func, insert, select, tuple_
from sqlalchemy.orm import Session

from db.schema import Gold, ModelVersion, Prediction, Tweet


class Unpredicted(NamedTuple):
    """A tweet that the model version has not seen."""

    tweet_id: int
    group_id: int
    text: str


def _unpredicted(project_id: int, model_id: int) -> Any:
    has_prediction = exists().where(
        Prediction.model_version_id == model_id, Prediction.tweet_id == Tweet.id
    )
    has_gold = exists().where(Gold.tweet_id == Tweet.id)
    return (Tweet.project_id == project_id) & ~has_prediction & ~has_gold


def count_unpredicted(project_id: int, model_id: int, *, session: Session) -> int:
    """Return how many tweets without gold label the model version still has to predict."""
    query = select(func.count()).select_from(Tweet).where(_unpredicted(project_id, model_id))
    return session.scalar(query) or 0


def next_unpredicted(
    project_id: int, model_id: int, *, session: Session, after: tuple[int, int], limit: int
) -> Sequence[Unpredicted]:
    """Return up to `limit` such tweets after (group, id), so that equal texts come together."""
    query = (
        select(Tweet.id, Tweet.group_id, Tweet.text)
        .where(
            _unpredicted(project_id, model_id),
            tuple_(Tweet.group_id, Tweet.id) > tuple_(*after),
        )
        .order_by(Tweet.group_id, Tweet.id)
        .limit(limit)
    )
    return [Unpredicted(*row) for row in session.execute(query)]


def add_predictions(model_id: int, rows: Sequence[dict[str, Any]], *, session: Session) -> None:
    """Store what a model version predicts; each row holds the table's other columns."""
    if rows:
        session.execute(insert(Prediction), [{"model_version_id": model_id, **row} for row in rows])


def count_predictions(model_id: int, *, session: Session) -> int:
    """Return how many tweets a model version has predicted."""
    query = select(func.count()).where(Prediction.model_version_id == model_id)
    return session.scalar(query) or 0


def prune_predictions(project_id: int, keep: Collection[int], *, session: Session) -> None:
    """Forget the predictions of the project's versions other than `keep`; the versions stay."""
    others = select(ModelVersion.id).where(
        ModelVersion.project_id == project_id, ModelVersion.id.not_in(keep)
    )
    session.execute(delete(Prediction).where(Prediction.model_version_id.in_(others)))
