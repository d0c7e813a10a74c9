"""Errors on screen: one line that says what, where and what next; never a traceback."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from db.errors import StoreError
from labeling.errors import LabelingError
from labeling.pages.parts.plain import plain
from trainer.errors import TrainerError

logger = logging.getLogger("relabel.pages")
EXPECTED = (LabelingError, StoreError, TrainerError)


@contextmanager
def shown() -> Iterator[None]:
    """Show whatever goes wrong inside as one line on the page, then go on after the block.

    Errors of our own packages carry their message. Anything else is logged with a reference
    number, and the page shows only that.
    """
    try:
        yield
    except Exception as error:
        show(_words(error))


@contextmanager
def kept(key: str) -> Iterator[None]:
    """Keep whatever goes wrong inside a callback under `key`, for the run that follows it.

    A callback has no place on the page: what it draws lands above everything and moves it.
    """
    st.session_state.pop(key, None)
    try:
        yield
    except Exception as error:
        st.session_state[key] = _words(error)


def show_kept(key: str) -> None:
    """Show what a callback kept under `key`, if anything."""
    message = st.session_state.get(key)
    if message:
        show(message)


def _words(error: Exception) -> str:
    if isinstance(error, EXPECTED):
        return str(error)
    reference = secrets.token_hex(4)
    logger.error("error %s", reference, exc_info=error)
    return (
        "This did not work, and nothing more is known here. The server's log has the "
        f"details under the reference {reference}."
    )


def show(message: str) -> None:
    """Show one message as an error, word for word."""
    first = message.split(" ", 1)[0]
    # A setting's name or a file's stays as it is written.
    text = message[:1].upper() + message[1:] if first.isalpha() else message
    st.error(plain(text), icon=":material/error:")
