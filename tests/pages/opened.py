"""Opening a page without a browser, and reading what it says."""

from collections.abc import Callable, Mapping
from pathlib import Path

from sqlalchemy import Engine, select
from streamlit.testing.v1 import AppTest

from db.schema import Annotator
from db.sessions import reading
from labeling.pages.parts import session_keys

ROOT = Path(__file__).parent.parent.parent
Opener = Callable[..., AppTest]


def open_as(engine: Engine, name: str, person: str, parameters: Mapping[str, str]) -> AppTest:
    """Open a page as a person, who may be unknown yet, with the address's parameters."""
    with reading(engine) as session:
        found = session.scalar(select(Annotator.id).where(Annotator.name == person))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    if found is not None:
        at.session_state[session_keys.ANNOTATOR] = found
    for key, value in parameters.items():
        at.query_params[key] = value
    at.switch_page(f"labeling/pages/{name}.py")
    return at.run()


def words(at: AppTest) -> str:
    """Return everything that a page says, for looking for a sentence."""
    kinds = (
        at.title,
        at.subheader,
        at.text,
        at.caption,
        at.markdown,
        at.info,
        at.warning,
        at.error,
    )
    return "\n".join(str(element.value) for kind in kinds for element in kind)
