"""Open training tweets whose text contains what a person looks for."""

from collections.abc import Sequence
from time import monotonic

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from db.schema import DuplicateGroup, Gold, Tweet
from labeling.candidates import Asking

MOST = 2_000
_REMEMBER_SECONDS = 60.0
_KEPT = 64
_Found = tuple[float, Sequence[int]]
_FOUND: dict[tuple[str, int, bool, str], _Found] = {}


def matching(search: str, asking: Asking, *, session: Session) -> Sequence[int]:
    """Return up to MOST tweets that contain the text, in an order that has nothing to do with it.

    Reading all open tweets takes about a second a million, so what was found is remembered for a
    minute; whether a tweet may still be asked is for the caller to check.
    """
    wanted = search.strip()
    place = (str(session.get_bind().engine.url), asking.project_id, asking.propagate, wanted)
    found_at, found = _FOUND.get(place, (float("-inf"), ()))
    if monotonic() - found_at < _REMEMBER_SECONDS:
        return found
    query = select(Tweet.id).where(
        DuplicateGroup.project_id == asking.project_id,
        DuplicateGroup.split == "train",
        Tweet.text.icontains(wanted, autoescape=True),
    )
    if asking.propagate:
        query = query.join(DuplicateGroup, DuplicateGroup.representative_id == Tweet.id)
        query = query.where(DuplicateGroup.open)
    else:
        query = query.join(DuplicateGroup, DuplicateGroup.id == Tweet.group_id)
        query = query.where(~exists().where(Gold.tweet_id == Tweet.id))
    found = session.scalars(query.order_by(DuplicateGroup.key).limit(MOST)).all()
    while len(_FOUND) >= _KEPT:
        del _FOUND[next(iter(_FOUND))]
    _FOUND[place] = (monotonic(), found)
    return found
