"""T20: asking, answering, undoing, expiry, stale pages and imports in any order, against a model.

Seen to fail when: a stale answer overwrote the person's own newer one; what was undone still
stood; more claims were given out than the overlap allows.
"""

from answering_machine import Answering
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from scale import amount


def test_any_order_of_acts_gives_what_the_rules_say(tell) -> None:
    runs = amount(10, 300, 2_000)
    run_state_machine_as_test(
        Answering,
        settings=settings(
            max_examples=runs,
            stateful_step_count=25,
            deadline=None,
            phases=[Phase.generate],  # shrinking takes minutes, and steps are printed anyway
            suppress_health_check=list(HealthCheck),
        ),
    )
    tell(
        "acts in any order", done={"runs": runs, "steps each at most": 25}, lost={"differences": 0}
    )
