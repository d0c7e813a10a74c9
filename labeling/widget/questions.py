"""What a person asks of the tweet on screen: which words count, whom it stands for, …

The browser sends its one open question with each run, and asks again until the reply has a state
other than "working". A question has a key; the page remembers the last reply, so that an act
asked for (split off, add an example) happens once.
"""

from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from db.schema import AnnotationEvent, Annotator, DuplicateGroup, ModelVersion, Project, Tweet
from db.sessions import reading, writing
from labeling import examples, splitting
from labeling.errors import LabelingError
from labeling.explaining import Explanation, Question
from labeling.widget.exchange import Exchange

MEMBERS_SHOWN = 100
WORKING = {"state": "working"}


class Explains(Protocol):
    """What is asked of an Explainer here."""

    def ask(self, who: str, question: Question) -> Explanation | None:
        """Return the explanation if it is there; else see to it, and return None at once."""
        ...

    def drop(self, who: str) -> None:
        """Forget what this page waits for."""
        ...

    def warm_up(self, directory: str, manifest_sha256: str) -> None:
        """See to it that the model is loaded by the time somebody asks; return at once."""
        ...


def reply_to(
    asked: Any, exchange: Exchange, explainer: Explains, *, engine: Engine, data: Path
) -> dict[str, Any] | None:
    """Return the reply to the browser's open question, None where there is none.

    data: the installation's directory, where models are.
    """
    if not isinstance(asked, dict) or not isinstance(asked.get("key"), str):
        explainer.drop(exchange.server)
        return None
    if exchange.replied is not None and exchange.replied["key"] == asked["key"]:
        return exchange.replied
    tweet_id = asked.get("tweet_id")
    if not isinstance(tweet_id, int):
        return None
    try:
        said = _answer(asked, tweet_id, exchange, explainer, engine, data)
    except LabelingError as error:
        said = {"state": "refused", "message": str(error)}
    reply = {"key": asked["key"], "kind": asked.get("kind"), "tweet_id": tweet_id, **said}
    if reply["state"] != "working":
        exchange.replied = reply
    return reply


def warm_up(exchange: Exchange, explainer: Explains, *, engine: Engine, data: Path) -> None:
    """Have the model loaded whose suggestions this page shows, once a page and model.

    Loading takes seconds, which would else be waited for at the first question.
    """
    shown = (item.suggestion.model_version_id for item in exchange.items if item.suggestion)
    model_id = next((one for one in shown if one is not None), None)
    if model_id is None or model_id == exchange.warmed:
        return
    exchange.warmed = model_id
    with reading(engine) as session:
        version = session.get_one(ModelVersion, model_id)
        folder, manifest = data / version.directory, version.manifest_sha256
    if folder.is_dir():
        explainer.warm_up(str(folder), manifest)


def _answer(
    asked: dict[str, Any],
    tweet_id: int,
    exchange: Exchange,
    explainer: Explains,
    engine: Engine,
    data: Path,
) -> dict[str, Any]:
    kind = asked.get("kind")
    if kind == "explain":
        return _explain(tweet_id, exchange, explainer, engine, data)
    if kind == "group":
        with reading(engine) as session:
            project, _ = _who(exchange, session=session)
            return _group(project, tweet_id, session=session)
    if kind in {"split_off", "rejoin"} and isinstance(asked.get("member"), int):
        act = splitting.split_off if kind == "split_off" else splitting.rejoin
        with writing(engine) as session:
            project, person = _who(exchange, session=session)
            act(project, asked["member"], person, session=session)
        exchange.fetched_at = float("-inf")  # group sizes of the tweets at hand may differ now
        with reading(engine) as session:
            project, _ = _who(exchange, session=session)
            return _group(project, tweet_id, session=session)
    if kind == "example" and isinstance(asked.get("label"), str):
        with writing(engine) as session:
            project, person = _who(exchange, session=session)
            examples.add_example(project, tweet_id, asked["label"], person, session=session)
        return {"state": "done", "message": "Added to the guidelines' examples."}
    return {"state": "refused", "message": "This page is older than the server; reload it."}


def _explain(
    tweet_id: int, exchange: Exchange, explainer: Explains, engine: Engine, data: Path
) -> dict[str, Any]:
    with reading(engine) as session:
        label, model_id = _suggested(tweet_id, exchange, session=session)
        version = session.get(ModelVersion, model_id) if model_id is not None else None
        if label is None or version is None:
            return {"state": "refused", "message": "There is no suggestion here to explain."}
        question = Question(
            str(data / version.directory),
            version.manifest_sha256,
            session.get_one(Tweet, tweet_id).text,
            label,
        )
        number = version.number
    found = explainer.ask(exchange.server, question)
    if found is None:
        return WORKING
    if found.problem:
        return {"state": "refused", "message": f"Cannot be explained: {found.problem}"}
    return {
        "state": "done",
        "label": label,
        "model": number,
        "words": [list(word) for word in found.words],
    }


def _suggested(
    tweet_id: int, exchange: Exchange, *, session: Session
) -> tuple[str | None, int | None]:
    """Return the label and model of the suggestion that this person sees or saw on the tweet.

    Nothing for a blind tweet: it must not give its suggestion away by this door.
    """
    item = next((one for one in exchange.items if one.tweet_id == tweet_id), None)
    if item is not None:
        seen = item.suggestion
        return (seen.label, seen.model_version_id) if seen is not None else (None, None)
    query = (
        select(AnnotationEvent.suggested_label, AnnotationEvent.suggested_model_id)
        .where(
            AnnotationEvent.tweet_id == tweet_id,
            AnnotationEvent.project_id == exchange.project_id,
            AnnotationEvent.annotator_id == exchange.annotator_id,
            AnnotationEvent.suggestion_shown,
        )
        .order_by(AnnotationEvent.id.desc())
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    return (row[0], row[1]) if row is not None else (None, None)


def _group(project: Project, tweet_id: int, *, session: Session) -> dict[str, Any]:
    """List the tweets that the one on screen stands for, and those that were split off it."""
    tweet = session.get(Tweet, tweet_id)
    if tweet is None or tweet.project_id != project.id:
        return {"state": "refused", "message": "This tweet is gone; reload the page."}
    query = select(Tweet.id, Tweet.text).where(Tweet.group_id == tweet.group_id)
    members = session.execute(query.order_by(Tweet.id).limit(MEMBERS_SHOWN)).all()
    group = session.get_one(DuplicateGroup, tweet.group_id)
    return {
        "state": "done",
        "size": group.size,
        "members": [{"tweet_id": row.id, "text": row.text} for row in members],
        "apart": [
            {"tweet_id": one.id, "text": one.text}
            for one in splitting.split_from(group, session=session)
        ],
    }


def _who(exchange: Exchange, *, session: Session) -> tuple[Project, Annotator]:
    return (
        session.get_one(Project, exchange.project_id),
        session.get_one(Annotator, exchange.annotator_id),
    )
