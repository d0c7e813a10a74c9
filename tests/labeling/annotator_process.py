"""One annotator in a process of its own: asks, answers, and acknowledges only what is committed.

Run by test_many_annotators: python annotator_process.py DIRECTORY WHO SEED
Prints `ready`, then `ack KEY` after each commit, and `empty` when nothing is left.
"""

import random
import sys
import uuid
from pathlib import Path

from small_store import LABELS, Store, open_store

from labeling.answering import Answer
from labeling.queue import QueueItem


def work(store: Store, who: str, rng: random.Random) -> None:
    print("ready", flush=True)
    while items := store.ask(who, count=4):
        for item in items:
            answer_once(store, who, item, rng)
    print("empty", flush=True)


def answer_once(store: Store, who: str, item: QueueItem, rng: random.Random) -> None:
    """Answer an item as browsers do: sometimes twice, sometimes taking it back and again."""
    keys = [uuid.uuid4().hex for _ in range(3)]
    facts = {"tweet_id": item.tweet_id, "lease_generation": item.lease_generation}
    label = Answer(keys[0], "label", label=rng.choice(LABELS), seconds=1.0, **facts)
    batch = [label]
    if rng.random() < 0.2:
        undo = Answer(keys[1], "undo", undoes_key=keys[0], **facts)
        batch += [undo, Answer(keys[2], "label", label=rng.choice(LABELS), **facts)]
    for _ in range(2 if rng.random() < 0.3 else 1):
        results = store.send(*batch, who=who)
        for result in results:
            assert result.state in {"saved", "repeated"}, result
    for answer in batch:
        print("ack", answer.key, flush=True)


if __name__ == "__main__":
    directory, name, seed = sys.argv[1:]
    work(open_store(Path(directory)), name, random.Random(seed))
