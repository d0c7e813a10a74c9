"""A small real project in a real SQLite file, for tests of asking and answering."""

import atexit
import itertools
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from db.engine import make_engine
from db.migrate import upgrade
from db.project_settings import ProjectSettings
from db.projects import get_or_add_annotator, get_project
from db.schema import (
    Annotator,
    DuplicateGroup,
    Gold,
    Label,
    ModelVersion,
    Prediction,
    Project,
    Tweet,
)
from db.sessions import reading, writing
from labeling.answering import Answer, Recorded, record
from labeling.queue import QueueItem, next_items

LABELS = ("-1", "0", "1", "2")
NO_SHARES = {"random_share": 0.0, "blind_share": 0.0, "repeat_share": 0.0}
_keys = itertools.count()


def fresh_key() -> str:
    return f"key-{next(_keys)}"


@dataclass
class Store:
    """An engine and a project by name; each call is a transaction of its own."""

    engine: Engine
    name: str = "climate"

    @contextmanager
    def write(self, who: str = "ann") -> Iterator[tuple[Session, Project, Annotator]]:
        with writing(self.engine) as session:
            project = get_project(self.name, session=session)
            yield session, project, get_or_add_annotator(who, session=session)

    @contextmanager
    def read(self, who: str = "ann") -> Iterator[tuple[Session, Project, Annotator]]:
        with reading(self.engine) as session:
            project = get_project(self.name, session=session)
            yield session, project, get_or_add_annotator(who, session=session)

    def ask(self, who: str = "ann", count: int = 20, **more: Any) -> list[QueueItem]:
        with self.write(who) as (session, project, person):
            return next_items(project, person, session=session, count=count, **more)

    def send(self, *answers: Answer, who: str = "ann") -> list[Recorded]:
        with self.write(who) as (session, project, person):
            return record(answers, project, person, session=session)

    def label(
        self, item: QueueItem | int, label: str, who: str = "ann", **more: Any
    ) -> tuple[str, Recorded]:
        """Label a queue item, or a tweet that the person chose; return the key and the result."""
        return self.act("label", item, who, label=label, **more)

    def act(
        self, kind: str, item: QueueItem | int, who: str = "ann", **more: Any
    ) -> tuple[str, Recorded]:
        tweet_id = item if isinstance(item, int) else item.tweet_id
        generation = None if isinstance(item, int) else item.lease_generation
        facts = {"key": fresh_key(), "lease_generation": generation, **more}
        answer = Answer(kind=kind, tweet_id=tweet_id, **facts)
        return answer.key, self.send(answer, who=who)[0]

    def undo(self, key: str, who: str = "ann") -> Recorded:
        answer = Answer(key=fresh_key(), kind="undo", tweet_id=0, undoes_key=key)
        return self.send(answer, who=who)[0]

    def golds(self) -> dict[int, tuple[str, str]]:
        with self.read() as (session, project, _):
            rows = session.query(Gold).filter(Gold.project_id == project.id)
            return {gold.tweet_id: (gold.label, gold.source) for gold in rows}

    def set(self, **settings: Any) -> None:
        with self.write() as (_, project, _person):
            project.settings = {**project.settings, **settings}


def open_store(path: Path) -> Store:
    """Open the store that another process made."""
    return Store(make_engine(f"sqlite:///{path / 'relabel.db'}"))


@cache
def migrated() -> Path:
    """Migrate an empty store once; each test gets a copy of the file."""
    directory = Path(tempfile.mkdtemp(prefix="relabel-test-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    store = open_store(directory)
    upgrade(store.engine)
    store.engine.dispose()
    return directory / "relabel.db"


def make_store(
    path: Path,
    groups: Sequence[int] = (1,) * 20,
    *,
    splits: Sequence[str] = ("train",),
    model: bool = True,
    **settings: Any,
) -> Store:
    """Make a project with one duplicate group per entry of `groups`, of that size.

    Tweets are numbered from 1; splits repeat over the groups; with `model`, the model is surer
    of each group than of the one before, and suggests the labels in turn.
    """
    shutil.copy(migrated(), path / "relabel.db")
    store = open_store(path)
    checked = ProjectSettings(**{"queue_order": "least_confident", **NO_SHARES, **settings})
    with writing(store.engine) as session:
        project = Project(name=store.name, settings=checked.to_json())
        session.add(project)
        session.flush()
        for place, value in enumerate(LABELS):
            session.add(Label(project_id=project.id, value=value, name=f"L{value}", position=place))
        _fill(project, groups, splits, session)
        if model:
            add_model(project, groups, session)
    return store


def _fill(project: Project, groups: Sequence[int], splits: Sequence[str], session: Session) -> None:
    numbers = itertools.count(1)
    group_rows, tweet_rows = [], []
    for place, size in enumerate(groups):
        split = splits[place % len(splits)]
        members = [next(numbers) for _ in range(size)]
        key = blake2b(f"text {place}".encode(), digest_size=16).hexdigest()
        group_rows.append(
            {
                "id": place + 1,
                "project_id": project.id,
                "key": key,
                "split": split,
                "size": size,
                "representative_id": members[0],
            }
        )
        tweet_rows += [
            {
                "id": number,
                "project_id": project.id,
                "external_id": str(10**18 + number),
                "text": f"text {place}",
                "text_key": key,
                "group_id": place + 1,
                "split": split,
            }
            for number in members
        ]
    session.execute(insert(DuplicateGroup), group_rows)
    session.execute(insert(Tweet), tweet_rows)


def add_model(project: Project, groups: Sequence[int], session: Session) -> ModelVersion:
    model = ModelVersion(
        project_id=project.id,
        number=1,
        kind="probe",
        base_model="test",
        directory="none",
        manifest_sha256="none",
        label_map=list(LABELS),
        state="current",
    )
    session.add(model)
    session.flush()
    numbers = itertools.count(1)
    rows = []
    for place, size in enumerate(groups):
        confidence = 0.3 + 0.6 * place / len(groups)
        label = LABELS[place % 4]
        rest = (1 - confidence) / 3
        rows += [
            {
                "model_version_id": model.id,
                "tweet_id": next(numbers),
                "probabilities": [confidence if one == label else rest for one in LABELS],
                "label": label,
                "confidence": confidence,
                "margin": confidence - rest,
                "entropy": 1 - confidence,
            }
            for _ in range(size)
        ]
    session.execute(insert(Prediction), rows)
    return model
