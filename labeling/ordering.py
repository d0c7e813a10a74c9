"""Orders that are too dear to work out while somebody waits: diverse and disagreement.

A job writes them into a table of their own (QueueScore) and the queue walks along that. Each
covers a part only: what is left when it is used up comes in the default order, until the next
job has run.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Table, delete, func, insert, select
from sqlalchemy.orm import Session, aliased

from db import jobs
from db.projects import current_model, settings_of
from db.schema import DuplicateGroup, Gold, ModelVersion, Prediction, Project, QueueScore, Tweet
from db.sessions import reading, writing
from db.settings import Settings
from db.types import now
from labeling.errors import NotEnoughLabels
from labeling.sources import WORKED_OUT
from labeling.strategies import k_center
from trainer.errors import Cancelled
from trainer.job import submit

KIND = "order"
DIVERSE_POOL = 10_000  # open tweets, drawn at random, among which the diverse ones are looked for
DIVERSE_KNOWN = 2_000  # labelled tweets to keep away from
DIVERSE_PICKED = 2_000
MOST_DISAGREEING = 20_000
FEW_LEFT = 100  # open tweets in a worked-out order below which it is worked out anew
_PAGE = 5_000
_NOT_AGAIN_WITHIN = timedelta(minutes=10)
_SCORES: Table = QueueScore.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class _Text:
    tweet_id: int
    text: str


def see_to(engine: Engine, settings: Settings, project_id: int, order: str) -> int | None:
    """Have an order worked out where it is nearly used up; return the job, None if none is due.

    Nothing for orders that come straight from the predictions.
    """
    if order not in WORKED_OUT:
        return None
    with reading(engine) as session:
        model = current_model(session.get_one(Project, project_id), session=session)
        if model is None or not due(project_id, order, model.id, session=session):
            return None
        params = {"order": order, "model_version_id": model.id}
    return submit(engine, settings, project_id, KIND, params)


def due(project_id: int, order: str, model_id: int, *, session: Session) -> bool:
    """Tell whether an order should be worked out now for the current version."""
    if order not in WORKED_OUT or jobs.open_job(project_id, KIND, session=session) is not None:
        return False
    for job in jobs.recent_jobs(project_id, session=session, kind=KIND):
        if job.params.get("order") != order:
            continue
        lately = job.finished_at is not None and now() - job.finished_at < _NOT_AGAIN_WITHIN
        stale = order == "disagreement" and job.params.get("model_version_id") != model_id
        return stale or (not lately and _left(project_id, order, session=session) < FEW_LEFT)
    return True


def _left(project_id: int, order: str, *, session: Session) -> int:
    query = (
        select(QueueScore.tweet_id)
        .join(DuplicateGroup, DuplicateGroup.representative_id == QueueScore.tweet_id)
        .where(QueueScore.project_id == project_id, QueueScore.kind == order, DuplicateGroup.open)
        .limit(FEW_LEFT)
    )
    return len(session.scalars(query).all())


def work_out(
    engine: Engine,
    project_id: int,
    order: str,
    *,
    cache: Path,
    on_progress: Callable[[int, int], object] = lambda _done, _total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Work an order out and put it in place of the last one; return how many tweets it has.

    cache: where embeddings are kept. Raises NotEnoughLabels when there are no two versions to
    compare, Cancelled; then the last order stays.
    """
    if order == "diverse":
        scores = _diverse(engine, project_id, cache, on_progress, should_stop)
    else:
        scores = _disagreement(engine, project_id, on_progress, should_stop)
    rows = [
        {"project_id": project_id, "kind": order, "tweet_id": tweet_id, "score": score}
        for tweet_id, score in scores
    ]
    with writing(engine) as session:
        session.execute(
            delete(QueueScore).where(QueueScore.project_id == project_id, QueueScore.kind == order)
        )
        if rows:
            session.execute(insert(_SCORES), rows)
    return len(rows)


def _diverse(
    engine: Engine,
    project_id: int,
    cache: Path,
    on_progress: Callable[[int, int], object],
    should_stop: Callable[[], bool],
) -> list[tuple[int, float]]:
    """Greedy k-center: each the farthest from all labelled tweets and all picked before."""
    with reading(engine) as session:
        pool = _open_texts(project_id, session=session)
        known = _labelled_texts(project_id, session=session)
        base_model = settings_of(session.get_one(Project, project_id)).base_model
    if not pool:
        return []
    texts = [one.text for one in pool] + known
    vectors = _embedded(texts, base_model, cache, on_progress, should_stop)
    count = min(DIVERSE_PICKED, len(pool))
    picked = k_center(vectors[: len(pool)], count, known=vectors[len(pool) :])
    return [(pool[row].tweet_id, float(rank)) for rank, row in enumerate(picked.tolist())]


def _embedded(
    texts: Sequence[str],
    base_model: str,
    cache: Path,
    on_progress: Callable[[int, int], object],
    should_stop: Callable[[], bool],
) -> NDArray[np.float32]:
    # The encoder takes seconds to load: only here, in a job's process.
    from trainer.config import TrainConfig
    from trainer.encoder import Encoder
    from trainer.predict import embeddings

    def tell(done: int, total: int) -> None:
        on_progress(done, total)

    config = TrainConfig(kind="probe", base_model=base_model)
    return np.asarray(
        embeddings(
            Encoder.load(base_model),
            texts,
            max_length=config.max_length,
            pooling=config.pooling,
            cache=cache,
            on_progress=tell,
            should_stop=should_stop,
        )
    )


def _open_texts(project_id: int, *, session: Session) -> list[_Text]:
    """Return open training tweets; keys are digests, so the first by key are drawn at random."""
    query = (
        select(Tweet.id, Tweet.text)
        .join(DuplicateGroup, DuplicateGroup.representative_id == Tweet.id)
        .where(
            DuplicateGroup.project_id == project_id,
            DuplicateGroup.split == "train",
            DuplicateGroup.open,
        )
        .order_by(DuplicateGroup.key)
        .limit(DIVERSE_POOL)
    )
    return [_Text(*row) for row in session.execute(query)]


def _labelled_texts(project_id: int, *, session: Session) -> list[str]:
    query = (
        select(Tweet.text)
        .join(Gold, Gold.tweet_id == Tweet.id)
        .where(Gold.project_id == project_id, Gold.source != "propagated")
        .order_by(Gold.created_at.desc(), Tweet.id.desc())
        .limit(DIVERSE_KNOWN)
    )
    return list(session.scalars(query))


def _disagreement(
    engine: Engine,
    project_id: int,
    on_progress: Callable[[int, int], object],
    should_stop: Callable[[], bool],
) -> list[tuple[int, float]]:
    """The tweets on which the current version and the last one before it lie farthest apart."""
    with reading(engine) as session:
        project = session.get_one(Project, project_id)
        current = current_model(project, session=session)
        before = _before(project_id, current, session=session)
        if current is None or before is None:
            raise NotEnoughLabels(
                "there are no two model versions with predictions to compare; train and promote "
                "another version first, or choose another order"
            )
        places = [before.label_map.index(label) for label in current.label_map]
        first, second = current.id, before.id
        total = (
            session.scalar(select(func.count()).where(Prediction.model_version_id == first)) or 0
        )
    farthest: list[tuple[float, int]] = []
    done = 0
    for page in _pairs(engine, first, second):
        if should_stop():
            raise Cancelled("stopped while comparing two versions; the last order stays")
        here = np.array([row[1] for row in page], dtype=np.float64)
        there = np.array([row[2] for row in page], dtype=np.float64)[:, places]
        apart = np.abs(here - there).sum(axis=1) / 2
        found = zip(apart.tolist(), (row[0] for row in page), strict=True)
        farthest = heapq.nlargest(MOST_DISAGREEING, [*farthest, *found])
        done += len(page)
        on_progress(done, total)
    return [(tweet_id, -distance) for distance, tweet_id in farthest if distance > 0]


def _before(
    project_id: int, current: ModelVersion | None, *, session: Session
) -> ModelVersion | None:
    """Return the newest other version with the same labels whose predictions are kept."""
    if current is None:
        return None
    query = select(ModelVersion).where(
        ModelVersion.project_id == project_id, ModelVersion.id != current.id
    )
    for version in session.scalars(query.order_by(ModelVersion.number.desc())):
        some = select(Prediction.tweet_id).where(Prediction.model_version_id == version.id)
        same = set(version.label_map) == set(current.label_map)
        if same and session.scalars(some.limit(1)).first() is not None:
            return version
    return None


def _pairs(engine: Engine, first: int, second: int) -> Iterator[Sequence[Any]]:
    """Yield pages of (tweet, probabilities, probabilities) of open training tweets."""
    other = aliased(Prediction)
    after = 0
    while True:
        query = (
            select(Prediction.tweet_id, Prediction.probabilities, other.probabilities)
            .join(other, other.tweet_id == Prediction.tweet_id)
            .join(DuplicateGroup, DuplicateGroup.representative_id == Prediction.tweet_id)
            .where(
                Prediction.model_version_id == first,
                other.model_version_id == second,
                Prediction.tweet_id > after,
                DuplicateGroup.split == "train",
                DuplicateGroup.open,
            )
            .order_by(Prediction.tweet_id)
            .limit(_PAGE)
        )
        with reading(engine) as session:
            page = session.execute(query).all()
        if not page:
            return
        yield page
        after = page[-1][0]
