"""T21: backups are taken while annotators work and are killed; each is restored and looked into.

Seen to fail when db.backup copied the file and left the log (answers lost).
"""

import random
import time
from pathlib import Path

from annotators import Crew
from scale import amount
from small_store import Store
from stores import broken, make_store_at

from db.backup import backup, restore
from db.engine import make_engine


def test_each_backup_holds_what_was_acknowledged_before_it_began(tmp_path: Path, tell) -> None:
    url = f"sqlite:///{tmp_path / 'relabel.db'}"
    store = make_store_at(url, (1,) * amount(1_000, 10_000))
    rng = random.Random(3)
    people = [f"person {number}" for number in range(amount(2, 8))]
    crew = Crew(url, tmp_path, rng)
    for who in people:
        crew.start(who)
    while not crew.acks():
        time.sleep(0.05)
    count = amount(3, 20)
    lost: dict[str, int] = {}
    for number in range(count):
        who = rng.choice(people)
        crew.kill(who)
        crew.start(who)
        before = crew.acks()
        copy = tmp_path / f"backup-{number}.db"
        backup(url, copy)
        place = tmp_path / f"restored-{number}" / "relabel.db"
        restore(f"sqlite:///{place}", copy)
        restored = Store(make_engine(f"sqlite:///{place}"))
        for name, value in broken(restored, before).items():
            lost[name] = lost.get(name, 0) + value
        restored.engine.dispose()
    crew.stop()
    acks, errors = len(crew.acks()), crew.errors()
    store.engine.dispose()
    lost["errors shown"] = len(errors)
    left = [path.name for path in tmp_path.glob("*.part")]
    tell(
        "backups under load", done={"backups": count, "acks": acks, "kills": crew.kills}, lost=lost
    )
    assert lost == dict.fromkeys(lost, 0), errors[:3]
    assert left == []
