"""T3: `python -m trainer.job` is killed at named points and at random, and resumed each time.

Seen to fail when a job that was cut off behind its new version trained it again (double versions).
"""

import random

import pytest
from scale import amount
from sqlalchemy import func, select
from trainings import (
    digest_of,
    install,
    job_of,
    kill_after,
    orphans_of,
    predictions_of_current,
    resume,
    stray_models,
    train,
)

from db.model_versions import promote
from db.schema import ModelVersion
from db.sessions import reading, writing

POINTS = [
    "load",
    "step",
    "evaluate",
    "mid_weights",
    "mid_optimizer",
    "before_fsync",
    "after_fsync",
    "before_rename",
    "after_rename",
    "publish_before_manifest",
    "publish_before_fsync",
    "publish_after_fsync",
    "publish_before_rename",
    "publish_after_rename",
    "before_pointer",
    "after_pointer",
]
SHORT = ["mid_weights", "after_pointer"]


@pytest.fixture(scope="module")
def place(tmp_path_factory, tiny_bert):
    """An installation whose current version was trained without interruption."""
    made = install(tmp_path_factory.mktemp("killed"), tiny_bert)
    job = made.wait(train(made), "succeeded")
    with writing(made.engine) as session:
        promote(session.scalars(select(ModelVersion)).one(), session=session)
    made.uninterrupted = digest_of(made, job.id)
    made.duration = (job.finished_at - job.started_at).total_seconds()
    yield made
    made.engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("chain", range(amount(1, 5)))
def test_a_training_killed_again_and_again_ends_as_if_it_had_not_been(place, chain, tell) -> None:
    rng = random.Random(chain)
    plan = [*amount(SHORT, POINTS), *["random"] * amount(0, 6)]
    before = predictions_of_current(place)
    versions = _versions(place)
    kills, wrong_current, orphans = 0, 0, 0
    job_id = train(place, fault=plan[0])
    for fault, following in zip(plan, [*plan[1:], ""], strict=True):
        if fault == "random":
            kill_after(place, job_id, rng.uniform(0, place.duration))
        job = place.wait(job_id, "interrupted", "succeeded", "failed")
        orphans += orphans_of(place)
        wrong_current += predictions_of_current(place) != before
        if job.state != "interrupted":
            break
        kills += 1
        resume(place, job_id, fault=following)
    done = place.wait(job_id, "succeeded", "failed")
    lost = {
        "failed trainings": int(done.state != "succeeded"),
        "other weights": int(digest_of(place, job_id) != place.uninterrupted),
        "wrong current model": wrong_current,
        "orphan processes": orphans + orphans_of(place),
        "double versions": _versions(place) - versions - 1,
        "half models": len(stray_models(place)),
    }
    tell("killed trainer", done={"kills": kills, "trainings": 1}, lost=lost)
    assert lost == dict.fromkeys(lost, 0), job_of(place, job_id).error
    assert kills >= len(amount(SHORT, POINTS)) - 1


def _versions(place) -> int:
    with reading(place.engine) as session:
        return session.scalar(select(func.count(ModelVersion.id)))
