"""Which classifier a project should have next: a guess, a probe, the probe again, or none."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from small_store import LABELS, Store
from sqlalchemy import insert, select

from db.schema import AnnotationEvent, Gold, ModelVersion, Prediction, Run
from db.training_data import answers_since
from labeling.answering import Answer, record
from labeling.prelabel import next_step
from labeling.queue import suggestion_of
from trainer import job as trainer_job

StoreOf = Callable[..., Store]


def step_of(store: Store) -> tuple[str, str | None] | None:
    with store.write() as (session, project, _):
        step = next_step(project, session=session)
    return None if step is None else (step.kind, step.params.get("config", {}).get("kind"))


def give_gold(store: Store, count: int) -> None:
    with store.write() as (session, project, _):
        rows = [
            {
                "tweet_id": number + 1,
                "project_id": project.id,
                "label": LABELS[number % len(LABELS)],
                "source": "imported",
            }
            for number in range(count)
        ]
        session.execute(insert(Gold), rows)


def answer(store: Store, count: int, first: int = 0) -> None:
    """Answer so many tweets from the 21st on: those before have gold labels."""
    with store.write() as (session, project, person):
        for number in range(first, first + count):
            sent = Answer(f"answer {number}", "label", number + 21, label=LABELS[0])
            record([sent], project, person, session=session)


def trained(store: Store, kind: str) -> None:
    """Note a finished run of a kind, as the newest, and let a version of that kind be current."""
    with store.write() as (session, project, _):
        events = session.scalars(select(AnnotationEvent.id)).all()
        session.add(
            Run(
                project_id=project.id,
                kind=kind,
                base_model="test",
                state="succeeded",
                last_event_id=max(events, default=0),
            )
        )
        session.scalars(select(ModelVersion)).one().kind = kind


def test_without_a_model_the_first_one_is_a_guess(store_of: StoreOf) -> None:
    store = store_of((1,) * 40, model=False)
    give_gold(store, 4 * len(LABELS))
    assert step_of(store) == ("train", "zero_shot")


def test_while_a_candidate_waits_for_a_person_a_guess_pre_labels(store_of: StoreOf) -> None:
    store = store_of((1,) * 40, gate="ask")
    trained(store, "fine_tuned")
    with store.write() as (session, _, __):
        session.scalars(select(ModelVersion)).one().state = "candidate"
    assert step_of(store) == ("train", "zero_shot")


@pytest.mark.parametrize(
    ("gate", "in_use", "promoted"),
    [
        ("automatic", None, True),
        ("automatic", "zero_shot", True),
        ("automatic", "probe", False),
        ("ask", None, False),
    ],
)
def test_a_version_made_while_none_was_in_use_replaces_none_that_learnt(
    store_of: StoreOf, gate: str, in_use: str | None, promoted: bool
) -> None:
    """A training cut off before it could promote: something may be in use when it goes on."""
    store = store_of((1,) * 4, model=in_use is not None, gate=gate)
    if in_use is not None:
        trained(store, in_use)
    context: Any = SimpleNamespace(engine=store.engine, project_id=1, params={})
    assert trainer_job._wants_promotion(context, None) is promoted


def test_five_gold_labels_each_make_a_probe(store_of: StoreOf) -> None:
    store = store_of((1,) * 40)
    trained(store, "zero_shot")
    give_gold(store, 5 * len(LABELS) - 1)
    assert step_of(store) is None
    with store.write() as (session, project, _):
        number = 5 * len(LABELS)
        gold = Gold(
            tweet_id=number, project_id=project.id, label=LABELS[(number - 1) % 4], source="single"
        )
        session.add(gold)
    assert step_of(store) == ("train", "probe")


def test_the_probe_trains_again_every_25_answers(store_of: StoreOf) -> None:
    store = store_of((1,) * 80)
    give_gold(store, 5 * len(LABELS))
    trained(store, "probe")
    answer(store, 24)
    assert step_of(store) is None
    answer(store, 1, first=24)
    assert step_of(store) == ("train", "probe")
    trained(store, "probe")
    assert step_of(store) is None, "the next 25 are counted from there"


@pytest.mark.parametrize("change", [{"auto_probe": False}, {"auto_probe_every": 30}])
def test_retraining_by_itself_can_be_turned_off_or_slowed(
    store_of: StoreOf, change: dict[str, object]
) -> None:
    store = store_of((1,) * 80, **change)
    give_gold(store, 5 * len(LABELS))
    trained(store, "probe")
    answer(store, 25)
    assert step_of(store) is None


def test_a_fine_tuned_version_is_never_replaced_by_itself(store_of: StoreOf) -> None:
    store = store_of((1,) * 80)
    give_gold(store, 5 * len(LABELS))
    trained(store, "fine_tuned")
    answer(store, 40)
    assert step_of(store) is None


def test_answers_taken_back_or_revised_are_no_new_ones(store_of: StoreOf) -> None:
    store = store_of((1,) * 80)
    give_gold(store, 5 * len(LABELS))
    answer(store, 2)
    trained(store, "probe")
    keys = [store.label(number, LABELS[1])[0] for number in range(23, 53)]
    for key in keys[20:]:
        store.undo(key)
    for number in range(23, 33):
        store.label(number, LABELS[2])
    store.act("skip", 23)
    with store.read() as (session, project, _):
        since = session.scalars(select(Run.last_event_id)).one()
        assert answers_since(project.id, since, session=session) == 19
    assert step_of(store) is None
    store.label(21, LABELS[3])  # an older answer that says something else now
    answer(store, 5, first=33)
    assert step_of(store) == ("train", "probe")


def test_tweets_without_a_prediction_are_pre_labelled(store_of: StoreOf) -> None:
    store = store_of((1,) * 80)
    trained(store, "fine_tuned")
    with store.write() as (session, _, __):
        session.delete(session.scalars(select(Prediction).limit(1)).one())
    assert step_of(store) == ("prelabel", None)


def test_only_what_zero_shot_says_is_called_a_guess(store_of: StoreOf) -> None:
    store = store_of((1,) * 4)
    with store.write() as (session, _, __):
        model = session.scalars(select(ModelVersion)).one()
        prediction = session.scalars(select(Prediction).limit(1)).one()
        learned = suggestion_of(prediction, model)
        model.kind = "zero_shot"
        guessed = suggestion_of(prediction, model)
    assert learned is not None
    assert guessed is not None
    assert (learned.guess, guessed.guess) == (False, True)
