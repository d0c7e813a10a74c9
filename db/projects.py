"""Projects, labels and annotators by name."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.errors import NotFoundError
from db.project_settings import ProjectSettings
from db.schema import Annotator, Label, ModelVersion, Project


def list_projects(*, session: Session) -> Sequence[Project]:
    """Return all projects, oldest first."""
    return session.scalars(select(Project).order_by(Project.id)).all()


def get_project(name: str, *, session: Session) -> Project:
    """Return the project called `name`. Raises NotFoundError, naming those that exist."""
    found = session.scalars(select(Project).where(Project.name == name)).one_or_none()
    if found is None:
        names = ", ".join(repr(project.name) for project in list_projects(session=session))
        raise NotFoundError(
            f"no project is called {name!r}; "
            + (f"there are: {names}" if names else "make one: python -m labeling create NAME")
        )
    return found


def labels_of(project: Project, *, session: Session, active: bool = True) -> Sequence[Label]:
    """Return the project's labels in their order; active=False includes retired ones."""
    query = select(Label).where(Label.project_id == project.id).order_by(Label.position, Label.id)
    if active:
        query = query.where(Label.active)
    return session.scalars(query).all()


def settings_of(project: Project) -> ProjectSettings:
    """Return the project's settings as a checked value."""
    return ProjectSettings.from_json(project.settings)


def get_or_add_annotator(name: str, *, session: Session, role: str = "annotator") -> Annotator:
    """Return the person called `name`, adding them at their first appearance."""
    found = session.scalars(select(Annotator).where(Annotator.name == name)).one_or_none()
    if found is None:
        found = Annotator(name=name, role=role)
        session.add(found)
        session.flush()
    return found


def current_model(project: Project, *, session: Session) -> ModelVersion | None:
    """Return the model version in use, None before the first."""
    query = select(ModelVersion).where(
        ModelVersion.project_id == project.id, ModelVersion.state == "current"
    )
    return session.scalars(query).one_or_none()


def get_model(project: Project, number: int | None, *, session: Session) -> ModelVersion:
    """Return model version `number`, or the current one for None.

    Raises NotFoundError, naming the versions that exist.
    """
    versions = list_models(project, session=session)
    for version in versions:
        if version.number == number or (number is None and version.state == "current"):
            return version
    numbers = ", ".join(str(version.number) for version in versions) or "none yet"
    what = "no model version is current" if number is None else f"no model version {number}"
    raise NotFoundError(f"{what} in project {project.name!r}; versions: {numbers}")


def list_models(project: Project, *, session: Session) -> Sequence[ModelVersion]:
    """Return all model versions of a project, newest first."""
    query = (
        select(ModelVersion)
        .where(ModelVersion.project_id == project.id)
        .order_by(ModelVersion.number.desc())
    )
    return session.scalars(query).all()
