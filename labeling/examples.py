"""Tweets that the guidelines show as examples of a label."""

from dataclasses import dataclass

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from db.projects import labels_of
from db.schema import Annotator, LabelExample, Project, Tweet
from labeling.auditing import audit
from labeling.errors import LabelError
from labeling.merged import merged_labels
from labeling.permissions import require_of

# Built once, and past the ORM: each answer of each person asks for it.
_EXAMPLE, _TWEET = (LabelExample.metadata.tables[name].c for name in ("label_example", "tweet"))
_EXAMPLES = (
    select(_EXAMPLE.tweet_id, _EXAMPLE.label, _TWEET.text)
    .join_from(_EXAMPLE.id.table, _TWEET.id.table, _TWEET.id == _EXAMPLE.tweet_id)
    .where(_EXAMPLE.project_id == bindparam("project"))
    .order_by(_EXAMPLE.id)
)
MAX_EXAMPLES = 20  # of one label; guidelines that nobody reads to the end help nobody


@dataclass(frozen=True)
class Example:
    """One example: the tweet and the label that it is an example of."""

    tweet_id: int
    label: str
    text: str


def examples_of(project: Project, *, session: Session) -> list[Example]:
    """Return the project's examples, oldest first; those of labels merged since count for them."""
    merged = merged_labels(project.id, session=session)
    return [
        Example(row.tweet_id, merged.get(row.label, row.label), row.text)
        for row in session.execute(_EXAMPLES, {"project": project.id})
    ]


def add_example(
    project: Project, tweet_id: int, label: str, person: Annotator, *, session: Session
) -> None:
    """Make a tweet an example of a label; of another label before, it changes over.

    Raises LabelError for an unknown label or tweet and for one example too many.
    """
    require_of(person, "adjudicate")
    if label not in {one.value for one in labels_of(project, session=session)}:
        raise LabelError(f"{label!r} is no label of this project; reload the page")
    tweet = _tweet(project, tweet_id, session=session)
    query = select(func.count()).where(
        LabelExample.project_id == project.id, LabelExample.label == label
    )
    if (session.scalar(query) or 0) >= MAX_EXAMPLES:
        raise LabelError(f"that label has {MAX_EXAMPLES} examples; take one away first")
    found = _example(project, tweet_id, session=session)
    if found is None:
        found = LabelExample(project_id=project.id, tweet_id=tweet_id, label=label)
        session.add(found)
    elif found.label == label:
        return
    found.label, found.annotator_id = label, person.id
    detail = {"label": label, "tweet": tweet_id}
    audit(project, person, "add example", tweet.external_id, detail, session=session)
    session.flush()


def remove_example(project: Project, tweet_id: int, person: Annotator, *, session: Session) -> None:
    """Take a tweet out of the examples. Raises LabelError where it is none."""
    require_of(person, "adjudicate")
    tweet = _tweet(project, tweet_id, session=session)
    found = _example(project, tweet_id, session=session)
    if found is None:
        raise LabelError(f"tweet {tweet.external_id} is no example of any label")
    detail = {"label": found.label, "tweet": tweet_id}
    audit(project, person, "remove example", tweet.external_id, detail, session=session)
    session.delete(found)
    session.flush()


def _example(project: Project, tweet_id: int, *, session: Session) -> LabelExample | None:
    query = select(LabelExample).where(
        LabelExample.project_id == project.id, LabelExample.tweet_id == tweet_id
    )
    return session.scalars(query).one_or_none()


def _tweet(project: Project, tweet_id: int, *, session: Session) -> Tweet:
    tweet = session.get(Tweet, tweet_id)
    if tweet is None or tweet.project_id != project.id:
        raise LabelError(f"tweet {tweet_id} is not in project {project.name!r}; reload the page")
    return tweet
