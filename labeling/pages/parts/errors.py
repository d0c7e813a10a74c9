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
    except EXPECTED as error:
        show(str(error))
    except Exception:
        reference = secrets.token_hex(4)
        logger.exception("error %s", reference)
        show(
            "This did not work, and nothing more is known here. The server's log has the "
            f"details under the reference {reference}."
        )


def show(message: str) -> None:
    """Show one message as an error, word for word."""
    first = message.split(" ", 1)[0]
    # A setting's name or a file's stays as it is written.
    text = message[:1].upper() + message[1:] if first.isalpha() else message
    st.error(plain(text), icon=":material/error:")
