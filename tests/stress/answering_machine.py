"""Asking and answering against a model in memory: any order of acts gives what the rules say."""

import atexit
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from small_store import Store, fresh_key, make_store, open_store
from sqlalchemy import func, select, update

from db.schema import Annotation, Annotator, DuplicateGroup, Gold, Lease
from db.types import now
from labeling.answering import Answer, Recorded
from labeling.importing import import_file
from labeling.queue import QueueItem

PEOPLE = ("ann", "bob", "cid")
GROUPS = (2, 1, 1, 1)
MEMBERS = {1: (1, 2), 3: (3,), 4: (4,), 5: (5,)}
TEXTS = {1: 0, 2: 0, 3: 1, 4: 2, 5: 3}
TEMPLATE = Path(tempfile.mkdtemp(prefix="relabel-machine-"))
atexit.register(shutil.rmtree, TEMPLATE, ignore_errors=True)


@dataclass
class Said:
    """One saved act as the model remembers it."""

    order: int
    who: str
    tweet: int
    kind: str
    label: str | None
    conflict: bool
    generation: int | None
    undone: bool = False


def template(overlap: int) -> Path:
    path = TEMPLATE / str(overlap)
    if not path.exists():
        path.mkdir()
        store = make_store(path, GROUPS, overlap=overlap)
        with store.write() as (session, _, _person):
            session.add_all(Annotator(name=who) for who in PEOPLE[1:])
        store.engine.dispose()
    return path


class Answering(RuleBasedStateMachine):
    pages = Bundle("pages")
    keys = Bundle("keys")

    @initialize(overlap=st.sampled_from((1, 2)))
    def open(self, overlap: int) -> None:
        self.directory = Path(tempfile.mkdtemp(dir=TEMPLATE))
        shutil.copy(template(overlap) / "relabel.db", self.directory)
        self.store: Store = open_store(self.directory)
        self.overlap = overlap
        self.said: dict[str, Said] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.engine.dispose()
            shutil.rmtree(self.directory)

    def holds(self, who: str, tweet: int) -> bool:
        with self.store.read(who) as (session, _, person):
            query = select(Lease.id).where(Lease.tweet_id == tweet, Lease.annotator_id == person.id)
            return session.scalar(query) is not None

    def standing(self, who: str, tweet: int) -> Said | None:
        stands: Said | None = None
        for one in self.said.values():
            if (one.who, one.tweet, one.undone) != (who, tweet, False):
                continue
            if not (one.conflict and stands is not None):
                stands = one
        return stands

    def send(self, who: str, key: str, **facts: Any) -> Recorded:
        return self.store.send(Answer(key=key, **facts), who=who)[0]

    @rule(target=pages, who=st.sampled_from(PEOPLE), count=st.integers(1, 4))
    def ask(self, who: str, count: int) -> tuple[str, list[QueueItem]]:
        items = self.store.ask(who, count=count)
        for item in items:
            assert not (self.standing(who, item.tweet_id))
        return who, items

    @rule(
        target=keys,
        page=pages,
        place=st.integers(0, 3),
        label=st.sampled_from(("-1", "0", "1", None)),
    )
    def answer(self, page: tuple[str, list[QueueItem]], place: int, label: str | None) -> str:
        who, items = page
        key = fresh_key()
        if not items:
            return key
        item = items[place % len(items)]
        own = any(
            one.generation == item.lease_generation
            and one.who == who
            and not one.undone
            and not one.conflict
            and one.tweet == item.tweet_id
            for one in self.said.values()
        )
        stale = not own and not self.holds(who, item.tweet_id)
        kind = "skip" if label is None else "label"
        got = self.send(
            who,
            key,
            kind=kind,
            tweet_id=item.tweet_id,
            label=label,
            lease_generation=item.lease_generation,
        )
        assert got.state == ("conflict" if stale else "saved")
        self.said[key] = Said(
            got.event_id or 0, who, item.tweet_id, kind, label, stale, item.lease_generation
        )
        assert not self.holds(who, item.tweet_id)
        return key

    @rule(
        target=keys,
        who=st.sampled_from(PEOPLE),
        tweet=st.integers(1, 5),
        label=st.sampled_from(("-1", "0", "1")),
    )
    def choose(self, who: str, tweet: int, label: str) -> str:
        key = fresh_key()
        got = self.send(who, key, kind="label", tweet_id=tweet, label=label)
        assert got.state == "saved"
        self.said[key] = Said(got.event_id or 0, who, tweet, "label", label, False, None)
        return key

    @rule(
        page=pages,
        place=st.integers(0, 3),
        chosen=st.booleans(),
        label=st.sampled_from(("-1", "0", "2")),
    )
    def answer_too_late(
        self, page: tuple[str, list[QueueItem]], place: int, chosen: bool, label: str
    ) -> None:
        """Answer after somebody else was asked, perhaps having answered elsewhere meanwhile."""
        who, items = page
        if not items:
            return
        self.time_runs_out()
        self.store.ask(next(one for one in PEOPLE if one != who), count=4)
        if chosen:
            self.choose(who, items[place % len(items)].tweet_id, "1")
        self.answer(page, place, label)

    @rule(key=keys)
    def take_back(self, key: str) -> None:
        known = self.said.get(key)
        who = known.who if known else PEOPLE[0]
        got = self.send(who, fresh_key(), kind="undo", tweet_id=0, undoes_key=key)
        if known is None:
            assert got.state == "refused"
            return
        assert got.state == ("repeated" if known.undone else "saved")
        known.undone = True

    @rule(key=keys)
    def send_again(self, key: str) -> None:
        known = self.said.get(key)
        if known is not None:
            got = self.send(known.who, key, kind="label", tweet_id=known.tweet, label="2")
            assert (got.state, got.event_id) == ("repeated", known.order)

    @rule(tweets=st.sets(st.integers(1, 5), min_size=1))
    def import_again(self, tweets: set[int]) -> None:
        """What is there already is neither added nor changed, whatever people said of it."""
        file = self.directory / "again.csv"
        rows = "".join(f"text {TEXTS[tweet]},{10**18 + tweet}\n" for tweet in sorted(tweets))
        file.write_text("message,tweetid\n" + rows)
        report = import_file(file, engine=self.store.engine, project_name="climate")
        assert (report.accepted, report.rejected) == (0, 0)

    @rule(who=st.sampled_from(PEOPLE), label=st.sampled_from(("-1", "0", "2")))
    def answer_from_yesterday(self, who: str, label: str) -> None:
        """An answer under a claim that never was is kept, as a conflict."""
        own = any(
            (one.generation, one.who, one.tweet) == (10**9, who, 3)
            and not (one.undone or one.conflict)
            for one in self.said.values()
        )
        known = own or self.holds(who, 3)
        key = fresh_key()
        got = self.send(who, key, kind="label", tweet_id=3, label=label, lease_generation=10**9)
        assert got.state == ("saved" if known else "conflict"), (got, self.said)
        self.said[key] = Said(got.event_id or 0, who, 3, "label", label, not known, 10**9)

    @rule()
    def time_runs_out(self) -> None:
        with self.store.write() as (session, _, _person):
            session.execute(update(Lease).values(expires_at=now().replace(year=2020)))

    @invariant()
    def what_stands_is_what_was_said(self) -> None:
        if not hasattr(self, "store"):
            return
        expected = {}
        for who in PEOPLE:
            for tweet in range(1, 6):
                one = self.standing(who, tweet)
                if one is not None:
                    expected[who, tweet] = (one.kind, one.label)
        with self.store.read() as (session, _, _person):
            query = select(Annotator.name, Annotation).join(
                Annotator, Annotator.id == Annotation.annotator_id
            )
            found = {(n, a.tweet_id): (a.kind, a.label) for n, a in session.execute(query)}
        assert found == expected

    @invariant()
    def gold_follows_the_rules(self) -> None:
        if not hasattr(self, "store"):
            return
        own = {tweet: self.expected_gold(tweet) for tweet in range(1, 6)}
        found = self.store.golds()
        for members in MEMBERS.values():
            deciding = {own[tweet] for tweet in members if own[tweet] is not None}
            for tweet in members:
                if own[tweet] is not None:
                    source = "single" if self.overlap == 1 else "agreement"
                    assert found.get(tweet) == (own[tweet], source)
                elif deciding:
                    assert found[tweet][0] in deciding
                    assert found[tweet][1] == "propagated"
                else:
                    assert tweet not in found

    def expected_gold(self, tweet: int) -> str | None:
        voices = [self.standing(who, tweet) for who in PEOPLE]
        labels = [one for one in voices if one is not None and one.kind == "label"]
        if not labels:
            return None
        if self.overlap == 1:
            return min(labels, key=lambda one: (one.conflict, one.order)).label
        if len(labels) < self.overlap:
            return None
        for one in labels:
            if 2 * sum(other.label == one.label for other in labels) > len(labels):
                return one.label
        return None

    @invariant()
    def claims_are_within_the_overlap_and_groups_open_without_gold(self) -> None:
        if not hasattr(self, "store"):
            return
        with self.store.read() as (session, _, _person):
            held = session.scalars(select(func.count()).select_from(Lease).group_by(Lease.tweet_id))
            assert all(count <= self.overlap for count in held)
            golden = set(session.scalars(select(Gold.tweet_id)))
            for group in session.scalars(select(DuplicateGroup)):
                members = MEMBERS[group.representative_id or 0]
                assert group.open == (not golden & set(members))
