"""After an undo the tweet is with the person again, if nobody else has been asked meanwhile."""

from sqlalchemy.orm import Session

from db.clock import steady
from db.project_settings import ProjectSettings
from labeling.answer_rows import Event
from labeling.candidates import Asking, eligible
from labeling.leasing import Pick, claim


def give_back(
    undone: Event, project_id: int, settings: ProjectSettings, *, session: Session
) -> None:
    """Claim the tweet of an answer that was taken back, in front of all others, as it was picked.

    Only for answers that the queue had asked for; one that another person holds now stays there.
    """
    if undone.kind not in {"label", "skip"} or undone.queue_reason == "direct":
        return
    asking = Asking(
        project_id, undone.annotator_id, settings.overlap, settings.propagate, steady(session)
    )
    free = undone.queue_reason in {"repeat", "assigned"} or bool(
        eligible([undone.tweet_id], asking, session=session)
    )
    if not free:
        return
    pick = Pick(undone.tweet_id, undone.queue_reason, undone.queue_probability, undone.blind)
    claim([pick], asking, settings.lease_seconds, session=session, first=True)
