"""How long a training is said to take: all that it learns from, and what it does beside."""

from collections.abc import Callable

import pytest
from small_store import Store

from db.runs import add_epoch, end_run
from db.schema import Run
from labeling.training import TrainingOverview, overview
from trainer.config import LABELS_ENOUGH, TrainConfig

StoreOf = Callable[..., Store]
FINE = TrainConfig(epochs=3)


def given(training: int, *, unlabelled: int = 0, unresolved: int = 0) -> TrainingOverview:
    """A hundred tweets a second, and 20 seconds beside a fine-tuning."""
    return TrainingOverview(
        counts={"train": {"1": training}},
        new_answers=0,
        since_version=1,
        rate={"fine_tuned": 100.0, "probe": 100.0},
        beside={"fine_tuned": 20.0},
        labels=2,
        unlabelled=unlabelled,
        unresolved=unresolved,
    )


def test_without_a_run_of_the_kind_nothing_is_promised() -> None:
    assert given(100).seconds_estimate(TrainConfig(kind="zero_shot")) is None


def test_while_labels_are_few_unlabelled_tweets_take_time_too() -> None:
    assert given(700, unlabelled=9000).seconds_estimate(FINE) == 3 * (700 + 4000) / 100 + 20
    assert given(700, unlabelled=300).seconds_estimate(FINE) == 3 * (700 + 300) / 100 + 20
    without = TrainConfig(epochs=3, unlabelled_texts=0)
    assert given(700, unlabelled=9000).seconds_estimate(without) == 3 * 700 / 100 + 20
    enough = 2 * LABELS_ENOUGH
    assert given(enough, unlabelled=9000).seconds_estimate(FINE) == 3 * enough / 100 + 20


def test_a_probe_reads_its_labels_once() -> None:
    probe = TrainConfig(kind="probe", epochs=3)
    assert given(700, unlabelled=9000).seconds_estimate(probe) == 7


def test_answers_that_are_not_gold_count_where_they_are_learnt_from() -> None:
    single = TrainConfig(epochs=1, labels_used="gold_and_single")
    assert given(900, unresolved=100).seconds_estimate(single) == 10 + 20


def test_what_a_run_took_beside_its_steps_is_measured(store_of: StoreOf) -> None:
    store = store_of((1,) * 40)
    with store.write() as (session, project, _):
        for kind in ("probe", "fine_tuned"):
            run = Run(project_id=project.id, kind=kind, base_model="test", state="running")
            session.add(run)
            session.flush()
            for epoch in (1, 2):
                facts = {
                    "step": epoch,
                    "epoch": float(epoch),
                    "training_loss": 1.0,
                    "metrics": {},
                    "learning_rate": 1e-4,
                    "seconds": 15.0 * epoch,
                }
                add_epoch(run.id, facts, session=session)
            ending = {"seconds": 42.0, "tweets_per_second": 8.0}
            end_run(run.id, "succeeded", session=session, facts=ending)
        found = overview(project, session=session)
    assert found.rate == {"probe": 8.0, "fine_tuned": 8.0}
    assert found.beside == {"fine_tuned": pytest.approx(12.0)}
    assert (found.labels, found.unlabelled) == (4, 40)
