"""Let one label's answers count for another one, and take that back exactly.

What people said stays in the events under the label that they chose. What follows from it (the
standing answers and the gold labels) is re-pointed, a table at a time, and each gold label
remembers where it came from. An answer that arrives later under the merged label, from a page
that was open meanwhile, counts for the other one, too.
"""

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from db.projects import labels_of, settings_of
from db.schema import Annotation, AnnotationEvent, Annotator, Gold, Label, Project, Tweet
from labeling.auditing import audit
from labeling.errors import LabelError
from labeling.permissions import require_of
from labeling.resolving import resolve_tweets

MERGE, UNMERGE = "merge label", "undo merge label"
LEAST_LABELS = 2
_HERE = {"synchronize_session": False}


def merge_label(
    project: Project, value: str, into: str, person: Annotator, *, session: Session
) -> int:
    """Let the answers of label `value` count for `into`; return how many gold labels changed.

    Raises LabelError for labels that cannot be merged, PermissionRefused.
    """
    require_of(person, "edit_labels")
    label, target = _checked(project, value, into, session=session)
    label.merged_into, label.active = target.value, False
    session.flush()
    answers = session.execute(
        update(Annotation)
        .where(Annotation.project_id == project.id, Annotation.label == value)
        .values(label=into)
        .execution_options(**_HERE)
    )
    golds = session.execute(
        update(Gold)
        .where(Gold.project_id == project.id, Gold.label == value)
        .values(label=into, merged_from=value)
        .execution_options(**_HERE)
    )
    session.expire_all()
    _resolve_shared(project, value, session=session)
    changed = {"answers": _count(answers), "gold": _count(golds)}
    audit(project, person, MERGE, value, {"into": into, **changed}, session=session)
    session.flush()
    return changed["gold"]


def unmerge_label(project: Project, value: str, person: Annotator, *, session: Session) -> int:
    """Take the merging of label `value` back; return how many gold labels it has again.

    Raises LabelError where it was not merged.
    """
    require_of(person, "edit_labels")
    label = _known(project, session=session).get(value)
    if label is None or label.merged_into is None:
        raise LabelError(f"label {value!r} was not merged into another one")
    into, label.merged_into, label.active = label.merged_into, None, True
    taken = {one.hotkey for one in labels_of(project, session=session) if one.value != value}
    if label.hotkey in taken:
        label.hotkey = ""
    session.flush()
    _restore(project.id, value, into, session=session)
    session.expire_all()
    _resolve_shared(project, value, session=session)
    _resolve_stale(project, value, session=session)
    query = select(func.count()).where(Gold.project_id == project.id, Gold.label == value)
    found = session.scalar(query) or 0
    audit(project, person, UNMERGE, value, {"from": into, "gold": found}, session=session)
    session.flush()
    return found


def _checked(project: Project, value: str, into: str, *, session: Session) -> tuple[Label, Label]:
    known = _known(project, session=session)
    if value == into:
        raise LabelError(f"label {value!r} cannot be merged into itself")
    for one in (value, into):
        if one not in known:
            raise LabelError(f"{one!r} is no label of this project")
        if known[one].merged_into is not None:
            raise LabelError(
                f"label {one!r} counts for {known[one].merged_into!r} already; take that back first"
            )
    if not known[into].active:
        raise LabelError(f"label {into!r} is retired; choose one that people can give")
    behind = [one.value for one in known.values() if one.merged_into == value]
    if behind:
        raise LabelError(
            f"label {behind[0]!r} was merged into {value!r}; take that back first, then merge "
            "both into the same label"
        )
    left = [one for one in known.values() if one.active and one.value != value]
    if len(left) < LEAST_LABELS:
        raise LabelError(f"a project needs {LEAST_LABELS} labels; this would leave {len(left)}")
    return known[value], known[into]


def _known(project: Project, *, session: Session) -> dict[str, Label]:
    return {one.value: one for one in labels_of(project, session=session, active=False)}


def _restore(project_id: int, value: str, into: str, *, session: Session) -> None:
    said = select(AnnotationEvent.id).where(
        AnnotationEvent.project_id == project_id, AnnotationEvent.label == value
    )
    session.execute(
        update(Annotation)
        .where(
            Annotation.project_id == project_id,
            Annotation.label == into,
            Annotation.event_id.in_(said),
        )
        .values(label=value)
        .execution_options(**_HERE)
    )
    session.execute(
        update(Gold)
        .where(Gold.project_id == project_id, Gold.merged_from == value)
        .values(label=value, merged_from=None)
        .execution_options(**_HERE)
    )
    # Imported gold that was settled anew while the labels were one.
    imported = select(Tweet.id).where(Tweet.project_id == project_id, Tweet.imported_label == value)
    session.execute(
        update(Gold)
        .where(
            Gold.project_id == project_id,
            Gold.source == "imported",
            Gold.label == into,
            Gold.tweet_id.in_(imported),
        )
        .values(label=value)
        .execution_options(**_HERE)
    )


def _resolve_shared(project: Project, value: str, *, session: Session) -> None:
    """Settle the tweets on which several people's answers, one of them `value`, decide together."""
    settings = settings_of(project)
    if settings.overlap == 1:
        return
    said = (
        select(AnnotationEvent.tweet_id)
        .join(Annotation, Annotation.event_id == AnnotationEvent.id)
        .where(AnnotationEvent.project_id == project.id, AnnotationEvent.label == value)
    )
    several = (
        select(Annotation.tweet_id)
        .where(Annotation.tweet_id.in_(said), Annotation.kind == "label")
        .group_by(Annotation.tweet_id)
        .having(func.count() > 1)
    )
    resolve_tweets(session.scalars(several).all(), settings=settings, session=session)


def _resolve_stale(project: Project, value: str, *, session: Session) -> None:
    """Settle tweets whose gold label was made anew while `value` counted for another label."""
    answered = (
        select(Annotation.tweet_id)
        .join(Gold, Gold.tweet_id == Annotation.tweet_id)
        .where(
            Annotation.project_id == project.id,
            Annotation.label == value,
            Gold.label != value,
            Gold.source.in_(("single", "agreement")),
        )
    )
    settings = settings_of(project)
    resolve_tweets(session.scalars(answered).all(), settings=settings, session=session)


def _count(result: object) -> int:
    return int(getattr(result, "rowcount", 0) or 0)
