"""Only who has signed in may send the server a file: Streamlit's own route asks nobody.

Any visitor has a page session, and with it Streamlit takes uploads of up to the limit into memory.
With local access whoever reaches the port may; it is this machine's only.
"""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.auth_util import get_cookie_with_chunks
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

from db import sign_ins
from db.sessions import reading
from labeling import accounts
from labeling.access import access
from labeling.pages.parts import identity, resources

ROUTE = "/_stcore/upload_file/"


class UploadGuard:
    """Answers 401 to an upload without a stay that lives, before any of its body is read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but uploads of strangers."""
        if scope["type"] == "http" and ROUTE in scope["path"] and scope["method"] != "OPTIONS":
            cookies = Request(scope).cookies
            if not await run_in_threadpool(is_known, cookies):
                # Closed, or the server would read on to the end of what nobody wants.
                reply = Response("Sign in first.", 401, {"Connection": "close"})
                await reply(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_known(cookies: dict[str, str]) -> bool:
    """Tell whether a browser with these cookies may send files."""
    way = access().way
    if way == "local":
        return True
    if way == "oidc":
        claims = _claims(cookies)
        return claims is not None and accounts.knows_provider_sign_in(
            claims, engine=resources.engine()
        )
    token = cookies.get(identity.COOKIE)
    if not token:
        return False
    with reading(resources.engine()) as session:
        stay = sign_ins.by_token(token, session=session)
        return stay is not None and sign_ins.person_of(stay.id, session=session) is not None


def _claims(cookies: dict[str, str]) -> dict[str, Any] | None:
    """Return what the provider said of this browser, from the cookie that Streamlit signed."""
    secret = get_cookie_secret()

    def signed(name: str) -> bytes | None:
        value = cookies.get(name)
        if value is None:
            return None
        return decode_signed_value(secret, name, value.encode("latin-1", errors="replace"))

    found = get_cookie_with_chunks(signed, USER_COOKIE_NAME)
    try:
        claims = json.loads(found) if found else None
    except ValueError:
        return None
    return claims if isinstance(claims, dict) and claims.get("is_logged_in") else None
