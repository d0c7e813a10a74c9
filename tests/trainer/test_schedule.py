"""What rate each step learns at, and where validations stand."""

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from trainer.config import TrainConfig, notebook_preset
from trainer.schedule import Schedule

TOTAL, WARMUP = 40, 4


def rates(decay, warmup=0.1):
    config = TrainConfig(batch_size=8, epochs=2, warmup=warmup, decay=decay)
    schedule = Schedule.plan(8 * TOTAL // 2, config)
    assert schedule.total_steps == TOTAL
    return [schedule.rate(step) for step in range(TOTAL)]


@pytest.mark.parametrize(
    ("decay", "published"),
    [("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)],
)
def test_rates_fall_as_those_of_transformers_do(decay, published):
    weight = torch.nn.Parameter(torch.zeros(1))
    scheduler = published(torch.optim.SGD([weight], lr=1.0), WARMUP, TOTAL)
    expected = [scheduler.lr_lambdas[0](step) for step in range(TOTAL + 1)]
    # ours rises to the peak at the last step of the warm-up: no step learns at a rate of 0
    assert rates(decay)[:WARMUP] == pytest.approx(expected[1 : WARMUP + 1])
    assert rates(decay)[WARMUP:] == pytest.approx(expected[WARMUP:TOTAL])


def test_without_decay_the_rate_stays_at_its_peak():
    assert rates("none") == pytest.approx([0.25, 0.5, 0.75, *[1.0] * (TOTAL - WARMUP + 1)])
    assert set(rates("none", warmup=0.0)) == {1.0}


def test_the_course_notebook_has_one_rate():
    config = notebook_preset()
    schedule = Schedule.plan(1000, config)
    assert {schedule.rate(step) for step in range(schedule.total_steps)} == {1.0}


def test_validations_stand_evenly_and_at_the_end_of_each_epoch():
    config = TrainConfig(batch_size=8, epochs=2, evaluations_per_epoch=2)
    schedule = Schedule.plan(80, config)
    assert [s for s in range(1, 21) if schedule.validates_after(s)] == [5, 10, 15, 20]


def test_batches_that_are_gathered_make_fewer_steps():
    config = TrainConfig(batch_size=8, epochs=3, gradient_accumulation=4)
    assert Schedule.plan(81, config).total_steps == 3 * 3
