"""T1: annotators answer as fast as they can and are killed at random; nothing acknowledged is lost.

Seen to fail when labeling.widget.exchange acknowledged 20 ms before the commit (acks lost), and
when labeling.candidates looked before it had the lock only (claims too many, on PostgreSQL).
"""

import random
import time
from pathlib import Path

from annotators import Crew
from scale import FULL, amount
from stores import broken, claims_above, make_store_at, people_per_tweet

PEOPLE = [f"person {number}" for number in range(amount(4, 8))]


def test_nothing_acknowledged_is_lost(url: str, tmp_path: Path, tell) -> None:
    sqlite = url.startswith("sqlite")
    seconds = amount(4, 60 if sqlite else 30)
    store = make_store_at(url, (1,) * amount(4_000, 40_000))
    rng = random.Random(1)
    crew = Crew(url, tmp_path, rng)
    for who in PEOPLE:
        crew.start(who)
    until = time.monotonic() + seconds
    wanted = 120 if FULL and sqlite else 0
    patience = until + 90  # a crowded machine may need longer
    while time.monotonic() < until or (
        (len(crew.acks()) < 20 or crew.kills < wanted) and time.monotonic() < patience
    ):
        time.sleep(rng.uniform(0.1, 0.5))
        who = rng.choice(PEOPLE)
        rng.choice((crew.kill, crew.kill_at_ack))(who)
        crew.start(who)
    crew.stop()
    acks = crew.acks()
    lost = {
        **broken(store, acks),
        "errors shown": len(crew.errors()),
        "shared tweets": sum(count > 1 for count in people_per_tweet(store).values()),
        "claims too many": claims_above(store, 1),
    }
    store.engine.dispose()
    p99 = crew.latency(0.99)
    name = "SQLite" if sqlite else "PostgreSQL"
    tell(
        "killed annotators",
        done={f"acks, {name}": len(acks), f"kills, {name}": crew.kills},
        lost=lost,
        notes={f"p99 {name}": f"{p99:.0f} ms"},
    )
    assert lost == dict.fromkeys(lost, 0), crew.errors()[:3]
    assert len(acks) >= amount(20, 1_500 if sqlite else 200)
    assert crew.kills >= wanted


def test_people_who_answer_twice_a_second_lose_nothing(tmp_path: Path, tell) -> None:
    """Eight people, an answer every half second each (faster than anybody reads), two killed a
    second. How long the store takes to say that it has an answer is noted, not asserted."""
    url = f"sqlite:///{tmp_path / 'relabel.db'}"
    store = make_store_at(url, (1,) * 4_000)
    rng = random.Random(2)
    crew = Crew(url, tmp_path, rng, {"at_once": 1, "pause": 0.5, "undo": 0.0})
    for who in PEOPLE:
        crew.start(who)
    rounds = 0
    while rounds < amount(4, 40) or (not crew.acks() and rounds < 200):
        rounds += 1
        time.sleep(0.5)
        who = rng.choice(PEOPLE)
        crew.kill(who)
        crew.start(who)
    crew.stop()
    acks = crew.acks()
    lost = {**broken(store, acks), "errors shown": len(crew.errors())}
    store.engine.dispose()
    tell(
        "killed annotators",
        done={"acks at people's speed": len(acks)},
        lost=lost,
        notes={
            "median at people's speed": f"{crew.latency(0.5):.0f} ms",
            "p99 at people's speed": f"{crew.latency(0.99):.0f} ms",
        },
    )
    assert lost == dict.fromkeys(lost, 0), crew.errors()[:3]
    assert acks
