"""T6: two app servers on one database: they migrate at once, and start trainings at once.

Seen to fail, on PostgreSQL, when db.jobs.reserve_next took no lock (errors instead of jobs), and
when db.migrate took none.
"""

from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from forks import CONTEXT
from scale import amount
from sqlalchemy import inspect, select, text
from stores import make_store_at, new_database

from db.engine import make_engine
from db.migrate import head, revision, upgrade
from db.schema import Job
from db.sessions import reading, writing


def server(url: str, data: str, start: object, talk: Connection) -> None:
    """One app server: obeys "migrate URL" and "train", at the moment the barrier opens."""
    from db.settings import Settings
    from trainer import engines, job

    started: list[int] = []
    # The process itself is not what is raced for; T3 starts and kills real ones.
    engines.start = lambda *a, **k: started.append(a[2])  # type: ignore[assignment]
    engine = make_engine(url)
    settings = Settings(Path(data), url, "local")
    while (order := talk.recv()) is not None:
        started.clear()
        try:
            start.wait()  # type: ignore[attr-defined]
            if order == "train":
                job.submit(engine, settings, 1, "train", {"config": {}})
                talk.send(list(started))
            else:
                fresh = make_engine(order)
                talk.send(upgrade(fresh))
                fresh.dispose()
        except Exception as error:
            talk.send(f"{type(error).__name__}: {error}")


@pytest.fixture
def servers(url: str, tmp_path: Path):
    """Two server processes, and a way to give both the same order and hear their answers."""
    store = make_store_at(url, (1,))
    barrier = CONTEXT.Barrier(2)
    lines, processes = [], []
    for _ in range(2):
        mine, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(
            target=server, args=(url, str(tmp_path), barrier, theirs), daemon=True
        )
        process.start()
        lines.append(mine)
        processes.append(process)

    def tell_both(order: str) -> list[object]:
        for line in lines:
            line.send(order)
        return [line.recv() for line in lines]

    yield store, tell_both
    for line in lines:
        line.send(None)
    for process in processes:
        process.join(10)
    store.engine.dispose()


def test_a_training_asked_for_in_both_runs_once(servers, tell) -> None:
    store, tell_both = servers
    rounds, wrong = amount(10, 100), 0
    for _ in range(rounds):
        answers = tell_both("train")
        assert all(isinstance(answer, list) for answer in answers), answers
        with reading(store.engine) as session:
            running = session.scalars(select(Job.id).where(Job.state == "running")).all()
        wrong += len(running) != 1 or len(answers[0]) + len(answers[1]) != 1
        with writing(store.engine) as session:
            session.execute(text("DELETE FROM job"))
    tell("two servers", done={"trainings raced for": rounds}, lost={"not exactly one": wrong})
    assert wrong == 0


def test_one_schema_whoever_migrates(servers, tmp_path, request, tell) -> None:
    store, tell_both = servers
    rounds, wrong = amount(3, 20), []
    for number in range(rounds):
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        if store.engine.dialect.name == "postgresql":
            url = new_database(request.getfixturevalue("postgres_server"))
        answers = tell_both(url)
        engine = make_engine(url)
        whole = len(inspect(engine).get_table_names()) > 10 and revision(engine) == head()
        if answers != [head(), head()] or not whole:
            wrong.append((answers, whole))
        engine.dispose()
    tell("two servers", done={"migrations raced": rounds}, lost={"wrong schemas": len(wrong)})
    assert not wrong
