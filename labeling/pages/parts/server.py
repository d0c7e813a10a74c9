"""What the web server does beyond Streamlit: refuses unsafe addresses and strangers' uploads, sets
cookies and headers, tells watchdogs how it is.

The cookie of a stay must be one that no script can read, and neither Streamlit nor a component
can set such a cookie. So the page hands over a ticket, good once and for a minute, and this
route answers with the cookie (docs/decisions/0008-three-ways-in.md).
"""

import sys
from typing import Any

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db import sign_ins
from db.sessions import writing
from db.settings import Settings
from labeling import access
from labeling.errors import AccessRefused
from labeling.pages.parts import identity, resources
from labeling.pages.parts.health import Health
from labeling.pages.parts.upload_guard import UploadGuard

LONGEST_TICKET = 200
# A transaction gives Python's lock up with each statement and gets it back after so long at most,
# for each page that computes meanwhile. Python's 5 ms made answers wait for one another.
SWITCH_SECONDS = 0.001
# Streamlit's own page needs inline styles, blob workers and, for charts, eval. What it must
# never need is another origin: not for scripts, not for pictures, not for sending data.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


def options() -> dict[str, Any]:
    """Return what st.App takes and make the process ready to serve many pages.

    Ends the process with one line where it must not serve.
    """
    try:
        chosen = access.access()
        access.check_address(st.get_option("server.address"), chosen)
        secrets: dict[str, Any] = {}
        if chosen.way == "oidc":
            key = access.cookie_secret(Settings.from_environment().data)
            secrets["auth"] = {**access.oidc_settings(chosen), "cookie_secret": key}
    except AccessRefused as refused:
        sys.exit(f"error: {refused}")
    _allow(chosen)
    sys.setswitchinterval(SWITCH_SECONDS)
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    root = f"/{base}" if base else ""
    return {
        "routes": [
            Route(f"{root}/relabel/session", session_cookie, methods=["POST", "DELETE"]),
            Route(f"{root}/health", Health().answer, methods=["GET"]),
        ],
        "middleware": [Middleware(SafeHeaders), Middleware(UploadGuard)],
        "secrets": secrets or None,
    }


def check() -> None:
    """Raise AccessRefused where this page view must not be: another server may run app.py."""
    access.check_address(st.get_option("server.address"), access.access())


def _allow(chosen: access.Access) -> None:
    """Let browsers ask under the outside name as well as under those of the configuration."""
    from streamlit import config

    hosts = list(config.get_option("server.allowedHosts") or [])
    more = [host for host in chosen.hosts if host not in hosts]
    if hosts and more:
        config.set_option("server.allowedHosts", [*hosts, *more])


async def session_cookie(request: Request) -> Response:
    """POST a ticket: get the cookie of its stay. DELETE: lose it."""
    # No other site can send this header without asking first, and nobody would answer it.
    if request.headers.get("X-Relabel") != "session":
        return Response(status_code=403)
    if request.method == "DELETE":
        reply = Response(status_code=204)
        reply.delete_cookie(identity.COOKIE, path="/", httponly=True, samesite="strict")
        return reply
    ticket = b""
    async for part in request.stream():
        ticket += part
        if len(ticket) > LONGEST_TICKET:
            return Response(status_code=413)
    token = await run_in_threadpool(_redeem, ticket.decode("ascii", errors="replace"))
    if token is None:
        return Response(status_code=403)
    reply = Response(status_code=204)
    reply.set_cookie(
        identity.COOKIE,
        token,
        path="/",
        httponly=True,
        samesite="strict",
        secure=access.access().encrypted,
        max_age=int(sign_ins.LONGEST.total_seconds()),
    )
    return reply


def _redeem(ticket: str) -> str | None:
    with writing(resources.engine()) as session:
        return sign_ins.redeem(ticket, session=session)


class SafeHeaders:
    """Adds to every answer what a reverse proxy would have to add otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the headers to the answer's start."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending)
