"""Labels that count for another one since they were merged into it (labeling.merging)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from db.schema import Gold, Label, Tweet
from labeling.asking import Suggestion

_LABELS = Label.metadata.tables["label"].c
_MERGED = select(_LABELS.value, _LABELS.merged_into).where(
    _LABELS.project_id == bindparam("project"), _LABELS.merged_into.is_not(None)
)


def merged_labels(project_id: int, *, session: Session) -> dict[str, str]:
    """Return, for each merged label's value, the value of the label that it counts for."""
    rows = session.execute(_MERGED, {"project": project_id})
    return {row[0]: row[1] for row in rows}


def let_count(project_id: int, tweets: Select[int], *, session: Session) -> None:
    """Let the fresh gold labels of these tweets count for what their labels were merged into."""
    for value, into in merged_labels(project_id, session=session).items():
        session.execute(
            update(Gold)
            .where(Gold.tweet_id.in_(tweets), Gold.label == value)
            .values(label=into, merged_from=value)
            .execution_options(synchronize_session=False)
        )


def imported_under_merged(batch_id: int, project_id: int, *, session: Session) -> int:
    """Count the tweets that an import brought in under labels that count for another one."""
    merged = select(Label.value).where(
        Label.project_id == project_id, Label.merged_into.is_not(None)
    )
    return (
        session.scalar(
            select(func.count()).where(Tweet.batch_id == batch_id, Tweet.imported_label.in_(merged))
        )
        or 0
    )


def under_merged(suggestion: Suggestion, merged: Mapping[str, str]) -> Suggestion:
    """Return a suggestion of a model that still tells merged labels apart, under those that stand.

    Their probabilities add up, and the likeliest label is the suggestion.
    """
    if not merged.keys() & suggestion.probabilities.keys():
        return suggestion
    summed: dict[str, float] = defaultdict(float)
    for value, share in suggestion.probabilities.items():
        summed[merged.get(value, value)] += share
    best = max(summed, key=lambda value: summed[value])
    return replace(suggestion, label=best, confidence=summed[best], probabilities=dict(summed))
