"""Progress: when it is due, and what is left."""

import pytest

from trainer.progress import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_due_at_first_then_once_a_second_and_at_the_end() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    assert pace.due(0, 10)
    assert not pace.due(1, 10)
    clock.now = 1.0
    assert pace.due(2, 10)
    assert pace.due(10, 10)


def test_what_is_left_follows_the_pace_and_is_not_known_at_first() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.due(0, 10)
    assert pace.remaining(0, 10) is None
    clock.now = 4.0
    assert pace.remaining(2, 10) == 16.0


def test_another_phase_is_timed_anew() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.due(0, 100)
    clock.now = 50.0
    pace.due(100, 100)
    assert pace.due(0, 10), "the start of a phase is shown at once"
    clock.now = 52.0
    assert pace.remaining(1, 10) == 18.0


def test_the_first_of_many_pieces_are_no_pace() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.due(0, 10_000)
    clock.now = 5.0  # a model was loaded in that time
    pace.due(10, 10_000)
    assert pace.remaining(10, 10_000) is None
    clock.now = 6.0
    pace.due(1_000, 10_000)
    assert pace.remaining(1_000, 10_000) == pytest.approx(54.0)
    slow = Pace(clock=clock)
    slow.due(0, 10_000)
    clock.now += 40.0  # whoever waits that long is told something
    slow.due(10, 10_000)
    assert slow.remaining(10, 10_000) == pytest.approx(40 / 10 * 9_990)
