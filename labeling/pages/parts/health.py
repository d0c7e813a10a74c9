"""GET /health for load balancers and watchdogs: whether the database answers, and nothing else."""

import asyncio
import logging

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from db import migrate
from labeling.pages.parts import resources

LONGEST = 5.0
_LOG = logging.getLogger(__name__)


class Health:
    """The route. Everybody may ask, so the database is asked once for all who ask at a time."""

    def __init__(self) -> None:
        self._asked: asyncio.Future[str] | None = None

    async def answer(self, _request: Request) -> Response:
        """Answer 200 if the database does within seconds, else 503."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(run_in_threadpool(ask_database))
        try:
            found = await asyncio.wait_for(asyncio.shield(self._asked), LONGEST)
        except TimeoutError:
            found = "does not answer"
        well = found == "answers"
        return JSONResponse(
            {"ok": well, "database": found},
            200 if well else 503,
            headers={"Cache-Control": "no-store"},
        )


def ask_database() -> str:
    """Say in three words how the database is; why goes to the log, not to whoever asks."""
    try:
        found = migrate.revision(resources.engine())
        return "answers" if found == migrate.head() else "has another schema"
    except Exception:  # whatever it is, a watchdog needs an answer
        _LOG.exception("the database did not answer")
        return "does not answer"
