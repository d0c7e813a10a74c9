"""A project's labels as pages show them: by name, in their order, in their colour."""

from dataclasses import dataclass

from sqlalchemy import select

from db.schema import Label
from db.sessions import reading
from labeling.pages.parts import resources


@dataclass(frozen=True)
class LabelSet:
    """The labels of a project, retired ones included; looked up by value."""

    labels: tuple[Label, ...]

    @property
    def active(self) -> list[Label]:
        """Labels that can be given."""
        return [label for label in self.labels if label.active]

    @property
    def values(self) -> list[str]:
        """Values of the active labels, in order."""
        return [label.value for label in self.active]

    def name(self, value: str | None) -> str:
        """Return a label's name; a value without a label stands for itself, None is a dash.

        A retired or merged label whose name another label has is told apart by its value, because
        a choice among labels is known by what it shows: "Pro (1, retired)". Names of active labels
        differ anyway.
        """
        if value is None:
            return "–"
        label = next((label for label in self.labels if label.value == value), None)
        if label is None:
            return value
        if label.active or not self._shares_name(label):
            return label.name
        return f"{label.name} ({value}, {'merged' if label.merged_into else 'retired'})"

    def _shares_name(self, label: Label) -> bool:
        name = label.name.casefold()
        return sum(one.name.casefold() == name for one in self.labels) > 1

    def color(self, value: str) -> str:
        """Return a label's colour, grey for a value without a label."""
        return next((label.color for label in self.labels if label.value == value), "#8C8C8C")

    def names(self, values: list[str]) -> list[str]:
        """Return the names of several values."""
        return [self.name(value) for value in values]

    def colors(self, values: list[str]) -> list[str]:
        """Return the colours of several values."""
        return [self.color(value) for value in values]


def load(project_id: int) -> LabelSet:
    """Return the project's labels in their order."""
    with reading(resources.engine()) as session:
        query = select(Label).where(Label.project_id == project_id)
        found = session.scalars(query.order_by(Label.position, Label.id)).all()
        session.expunge_all()
        return LabelSet(tuple(found))
