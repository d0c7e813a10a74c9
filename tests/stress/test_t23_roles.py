"""T23: nobody does what their role does not allow, whatever they call.

Faults planted once: `allow` taken out of `update_people` (the attempt made Ann an admin);
`require_of` taken out of `withdraw`; a row of docs/roles.md left out.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_store import Store, make_store
from sqlalchemy import select

from db import jobs, sign_ins
from db.errors import StoreError
from db.schema import Annotator, Base, ModelVersion, Project
from db.sessions import reading, writing
from db.settings import Settings
from labeling import (
    answering,
    audit_log,
    bulk,
    choosing,
    creating,
    examples,
    exporting,
    importing,
    insights,
    label_changes,
    merging,
    models,
    people,
    prelabel,
    queue,
    review,
    splitting,
    suggestion_effect,
    training,
    work,
)
from labeling.errors import LabelingError, PermissionRefused
from labeling.permissions import ACTIONS, ROLES
from labeling.templates import NewLabel
from trainer.config import TrainConfig
from trainer.errors import TrainerError

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<role>\w+) \| (?P<action>[^|]+) \| (?P<calls>.+) \|$")
NEW_LABELS = (NewLabel("a", "A"), NewLabel("b", "B"))
Attempt = Callable[["Place", int], Any]


class Place:
    """A small project, a person of each role, and everything that an attempt may need."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.engine, self.folder = store, store.engine, folder
        self.settings = Settings(folder, str(store.engine.url), "ray")
        self.settings.exports.mkdir()
        self.settings.uploads.mkdir()
        self.file = self.settings.uploads / "new.csv"
        self.file.write_text("message,tweetid\nsomething new,77\n", encoding="utf-8")
        with writing(self.engine) as session:
            made = {role: Annotator(name=role, role=role) for role in ROLES}
            made["disabled"] = Annotator(name="disabled", role="admin", active=False)
            session.add_all(made.values())
            session.add(_candidate(session.scalars(select(Project)).one().id))
            session.flush()
            self.people = {name: person.id for name, person in made.items()}
            self.project_id = session.scalars(select(Project.id)).one()
            project = session.get_one(Project, self.project_id)
            admin = made["admin"]
            review.adjudicate(project, 3, "1", admin, session=session)
            examples.add_example(project, 4, "1", admin, session=session)
            splitting.split_off(project, 22, admin, session=session)
            self.job_id = jobs.enqueue(self.project_id, "export", {}, session=session).id

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row of every table."""
        with reading(self.engine) as session:
            return {
                table.name: [tuple(row) for row in session.execute(table.select())]
                for table in Base.metadata.sorted_tables
            }

    def act(self, who: int, function: Callable[..., Any], *values: Any, **more: Any) -> Any:
        """Call a function that takes the project, its arguments and the person."""
        with writing(self.engine) as session:
            project = session.get_one(Project, self.project_id)
            person = session.get_one(Annotator, who)
            return function(project, *values, person, session=session, **more)

    def change(self, who: int, function: Callable[..., Any], *values: Any) -> Any:
        """Call a function that takes the project and the person's number."""
        with writing(self.engine) as session:
            project = session.get_one(Project, self.project_id)
            return function(project, *values, session=session, annotator_id=who)


def _candidate(project_id: int) -> ModelVersion:
    return ModelVersion(
        project_id=project_id,
        number=2,
        kind="probe",
        base_model="test",
        directory="none",
        manifest_sha256="none",
        label_map=["-1", "0", "1", "2"],
        state="candidate",
    )


def _make_project(place: Place, who: int) -> None:
    with writing(place.engine) as session:
        creating.create_project("new", session=session, template="climate", annotator_id=who)


def _make_admin(place: Place, who: int) -> None:
    with writing(place.engine) as session:
        mine = people.Person(who, "me", "admin", True)
        people.update_people([mine], session=session, annotator_id=who)


def _log(function: Callable[..., Any]) -> Attempt:
    def attempt(place: Place, who: int) -> None:
        with reading(place.engine) as session:
            viewer = session.get_one(Annotator, who)
            function(audit_log.LogWish(), viewer, session=session)

    return attempt


def _answer(place: Place, who: int) -> None:
    sent = answering.Answer(key=f"answer of {who}", kind="label", tweet_id=5, label="1")
    with writing(place.engine) as session:
        project = session.get_one(Project, place.project_id)
        answering.record([sent], project, session.get_one(Annotator, who), session=session)


def _queue_for(place: Place, who: int) -> None:
    with writing(place.engine) as session:
        project = session.get_one(Project, place.project_id)
        person = session.get_one(Annotator, who)
        bulk.queue_for(project, [6], person, person, session=session)


ATTEMPTS: dict[str, Attempt] = {
    "labeling.queue.next_items": lambda place, who: place.act(who, queue.next_items),
    "labeling.choosing.deal_ahead": lambda place, who: place.act(who, choosing.deal_ahead, count=1),
    "labeling.queue.put_back": lambda place, who: place.act(who, queue.put_back),
    "labeling.answering.record": _answer,
    "labeling.splitting.split_off": lambda place, who: place.act(who, splitting.split_off, 24),
    "labeling.splitting.rejoin": lambda place, who: place.act(who, splitting.rejoin, 22),
    "labeling.review.review_queue": lambda place, who: place.act(who, review.review_queue),
    "labeling.review.count_review": lambda place, who: place.act(who, review.count_review),
    "labeling.review.adjudicate": lambda place, who: place.act(who, review.adjudicate, 1, "1"),
    "labeling.review.withdraw": lambda place, who: place.act(who, review.withdraw, 3),
    "labeling.examples.add_example": lambda place, who: place.act(
        who, examples.add_example, 2, "1"
    ),
    "labeling.examples.remove_example": lambda place, who: place.act(
        who, examples.remove_example, 4
    ),
    "labeling.bulk.label_many": lambda place, who: place.act(
        who, bulk.label_many, [7], "1", key=f"label {who}"
    ),
    "labeling.bulk.skip_many": lambda place, who: place.act(
        who, bulk.skip_many, [8], key=f"skip {who}"
    ),
    "labeling.bulk.flag_many": lambda place, who: place.act(
        who, bulk.flag_many, [9], key=f"flag {who}"
    ),
    "labeling.bulk.queue_for": _queue_for,
    "labeling.insights.people_table": lambda place, who: place.act(who, insights.people_table),
    "labeling.insights.team_agreement": lambda place, who: place.act(who, insights.team_agreement),
    "labeling.suggestion_effect.suggestion_effect": lambda place, who: place.act(
        who, suggestion_effect.suggestion_effect
    ),
    "labeling.creating.create_project": _make_project,
    "labeling.creating.edit_labels": lambda place, who: place.change(
        who, creating.edit_labels, NEW_LABELS
    ),
    "labeling.merging.merge_label": lambda place, who: place.act(
        who, merging.merge_label, "0", "1"
    ),
    "labeling.merging.unmerge_label": lambda place, who: place.act(who, merging.unmerge_label, "2"),
    "labeling.label_changes.take_back_change": lambda place, who: place.act(
        who, label_changes.take_back_change, 1
    ),
    "labeling.creating.set_guidelines": lambda place, who: place.change(
        who, creating.set_guidelines, "mine"
    ),
    "labeling.creating.update_settings": lambda place, who: place.change(
        who, creating.update_settings, {"overlap": 3}
    ),
    "labeling.importing.import_file": lambda place, who: importing.import_file(
        place.file, engine=place.engine, project_name="climate", annotator_id=who
    ),
    "labeling.work.submit_import": lambda place, who: work.submit_import(
        place.engine,
        place.settings,
        place.project_id,
        work.Upload(place.file, "new.csv"),
        annotator_id=who,
    ),
    "labeling.exporting.export": lambda place, who: exporting.export(
        place.folder / "out.csv", engine=place.engine, project_name="climate", annotator_id=who
    ),
    "labeling.work.submit_export": lambda place, who: work.submit_export(
        place.engine, place.settings, place.project_id, work.ExportChoice(), annotator_id=who
    ),
    "labeling.work.exported_file": lambda place, who: work.exported_file(
        place.job_id, engine=place.engine, settings=place.settings, annotator_id=who
    ),
    "labeling.training.start_run": lambda place, who: training.start_run(
        place.engine,
        place.settings,
        place.project_id,
        TrainConfig(kind="zero_shot"),
        requested_by=who,
    ),
    "labeling.work.submit_study": lambda place, who: work.submit_study(
        place.engine, place.settings, place.project_id, "leakage", {}, annotator_id=who
    ),
    "labeling.work.cancel": lambda place, who: work.cancel(
        place.job_id, engine=place.engine, annotator_id=who
    ),
    "labeling.work.resume": lambda place, who: work.resume(
        place.job_id, engine=place.engine, settings=place.settings, annotator_id=who
    ),
    "labeling.prelabel.ensure_classifier": lambda place, who: prelabel.ensure_classifier(
        place.engine, place.settings, place.project_id, retry=True, annotator_id=who
    ),
    "labeling.models.promote": lambda place, who: models.promote(
        place.engine, place.settings, place.project_id, 2, annotator_id=who
    ),
    "labeling.people.update_people": _make_admin,
    "labeling.audit_log.entries": _log(audit_log.entries),
    "labeling.audit_log.write_csv": _log(audit_log.write_csv),
}


def table() -> dict[str, str]:
    """Return the least role of each function in docs/roles.md."""
    found: dict[str, str] = {}
    for line in (ROOT / "docs" / "roles.md").read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row is None or row["role"] not in ROLES:
            continue
        action = row["action"].strip("` ")
        assert action not in ACTIONS or ACTIONS[action] == row["role"], line
        found.update(dict.fromkeys(re.findall(r"`([\w.]+)`", row["calls"]), row["role"]))
    return found


def guarded() -> Iterator[str]:
    """Yield the public functions of labeling that ask for a role, by themselves or by a helper."""
    for path in sorted((ROOT / "labeling").glob("*.py")):
        if path.stem == "permissions":
            continue
        functions = [
            node
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.FunctionDef)
        ]
        asking = {one.name for one in functions if _calls(one) & {"allow", "require_of"}}
        for one in functions:
            if not one.name.startswith("_") and (one.name in asking or _calls(one) & asking):
                yield f"labeling.{path.stem}.{one.name}"


def _calls(function: ast.FunctionDef) -> set[str]:
    return {
        node.func.id
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    store = make_store(tmp_path, (*(1,) * 20, 2, 2))
    yield Place(store, tmp_path)
    store.engine.dispose()


def test_the_table_names_every_function_that_asks_for_a_role() -> None:
    # Automatic work, and the queue's own parts, ask through the functions that are listed.
    indirect = {f"labeling.prelabel.{name}" for name in ("keep_up", "prelabel")}
    assert set(guarded()) - indirect == set(table()) == set(ATTEMPTS)


def test_no_role_may_do_what_the_table_denies_it(place: Place, tell: Callable[..., None]) -> None:
    denied = [
        (function, who)
        for function, least in table().items()
        for who in (*ROLES[: ROLES.index(least)], "disabled")
    ]
    assert len(denied) >= 40
    before, files = place.contents(), sorted(place.folder.rglob("*"))
    done = []
    for function, who in denied:
        try:
            ATTEMPTS[function](place, place.people[who])
            done.append(f"{who}: {function}")
        except PermissionRefused:
            pass
    assert done == []
    assert place.contents() == before
    assert sorted(place.folder.rglob("*")) == files
    tell("roles", done={"attempts": len(denied)}, lost={"allowed": len(done)})


def test_every_role_may_do_what_the_table_grants_it(place: Place) -> None:
    for function, least in table().items():
        for who in ROLES[ROLES.index(least) :]:
            try:
                ATTEMPTS[function](place, place.people[who])
            except PermissionRefused as refused:
                pytest.fail(f"{who} may not {function}: {refused}")
            except (LabelingError, StoreError, TrainerError):
                pass  # another reason, such as a tweet that stands alone already


def test_somebody_who_is_not_known_may_do_nothing(place: Place) -> None:
    for function in ("labeling.people.update_people", "labeling.exporting.export"):
        with pytest.raises(PermissionRefused, match="not known"):
            ATTEMPTS[function](place, 9999)


@pytest.mark.parametrize(
    "forged", ["", "0", "1", "None", "' OR 1=1 --", "\0", "é" * 50, "a" * 9999]
)
def test_a_forged_token_or_ticket_names_nobody(forged: str, place: Place) -> None:
    with writing(place.engine) as session:
        admin = session.get_one(Annotator, place.people["admin"])
        stay, _ = sign_ins.begin(admin, session=session)
        assert sign_ins.redeem(forged, session=session) is None
        assert sign_ins.by_token(forged, session=session) is None
        assert sign_ins.by_token(stay.ticket or "", session=session) is None
        assert sign_ins.person_of(stay.id + 1, session=session) is None
