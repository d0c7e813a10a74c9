"""What a person wants to be asked just now, instead of the project's own order."""

from dataclasses import dataclass

from db.project_settings import QUEUE_ORDERS
from labeling.errors import AnswerError

LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Focus:
    """order: one of QUEUE_ORDERS, None for the project's. predicted_as: only what the model takes
    for that label. search: only texts that contain it, whatever their case.

    With a label or a search only training tweets are asked, in order and without shares: held-out
    tweets that somebody looked for would make every score on them a score on those.
    """

    order: str | None = None
    predicted_as: str | None = None
    search: str = ""

    def __post_init__(self) -> None:
        if self.order is not None and self.order not in QUEUE_ORDERS:
            raise AnswerError(f"{self.order!r} is no order; choose of {', '.join(QUEUE_ORDERS)}")
        if len(self.search) > LONGEST_SEARCH:
            raise AnswerError(
                f"the search has {len(self.search)} characters; shorten it to {LONGEST_SEARCH}"
            )

    @property
    def narrows(self) -> bool:
        """Tell whether some tweets are left out, rather than only ordered."""
        return self.predicted_as is not None or bool(self.search)


ANYTHING = Focus()


@dataclass(frozen=True)
class LabelFilter:
    """Which suggested labels to walk along. only: None for all. never: those left out."""

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()


def routes(expertise: dict[str, list[str]], annotator_id: int, focus: Focus) -> list[LabelFilter]:
    """Return the suggestions to look among, one filter after the other.

    expertise: annotator id as text -> label values. Whoever has labels of their own gets tweets
    with those suggestions first; the others get them only when nothing else is left.
    """
    if focus.predicted_as is not None:
        return [LabelFilter(frozenset((focus.predicted_as,)))]
    mine = frozenset(expertise.get(str(annotator_id), ()))
    others = frozenset(
        label for who, labels in expertise.items() if who != str(annotator_id) for label in labels
    )
    filters = [LabelFilter()]
    if others - mine:
        filters.insert(0, LabelFilter(never=others - mine))
    if mine:
        filters.insert(0, LabelFilter(only=mine))
    return filters
