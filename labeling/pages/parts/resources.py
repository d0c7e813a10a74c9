"""What is made once for the whole server: settings, the database engine, the explainer."""

import streamlit as st
from sqlalchemy import Engine

from db import engine as engines
from db import migrate
from db.log_lines import log_to_file
from db.settings import Settings
from labeling.explaining import Explainer
from trainer import job


@st.cache_resource(show_spinner=False, max_entries=8)
def _engine(settings: Settings) -> Engine:
    log_to_file(settings.logs / "app.jsonl")
    made = engines.make_engine(settings.database_url)
    migrate.upgrade(made)
    # Jobs that were waiting when the machine stopped go on; lost ones are marked interrupted.
    job.start_due(made, settings)
    return made


def settings() -> Settings:
    """Return where this installation keeps its things, read from the environment."""
    return Settings.from_environment()


def engine() -> Engine:
    """Return the engine of this installation's database, brought to the newest schema.

    Raises SchemaError when the database was made by a newer program.
    """
    return _engine(settings())


@st.cache_resource(show_spinner=False, on_release=Explainer.close)
def explainer() -> Explainer:
    """Return the one that explains suggestions; its process starts with the first question."""
    return Explainer()
