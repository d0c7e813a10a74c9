"""A small OpenID Connect provider on this machine: discovery, sign-in page, token, keys, sign-out.

It does what a real one does as far as a client can see: codes are good once, for the client and
address that asked, and only with the PKCE verifier; identity tokens are signed with RS256.
"""

import base64
import hashlib
import html
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "relabel", "a secret of the client"


class Provider:
    """The provider; `email` and `verified` say who signs in, `key` what signs the tokens."""

    def __init__(self) -> None:
        self.email = "ben@example.org"
        self.verified = True
        self.audience = CLIENT
        self.public = self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.codes: dict[str, dict[str, str]] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def settings(self, app_url: str) -> dict[str, str]:
        """Return the environment of an app that trusts this provider."""
        return {
            "RELABEL_ACCESS": "oidc",
            "RELABEL_URL": app_url,
            "RELABEL_OIDC_METADATA_URL": f"{self.issuer}/.well-known/openid-configuration",
            "RELABEL_OIDC_CLIENT_ID": CLIENT,
            "RELABEL_OIDC_CLIENT_SECRET": SECRET,
        }

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/end",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def code_for(self, asked: dict[str, str]) -> str:
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        return code

    def token_for(self, sent: dict[str, str]) -> dict[str, Any] | None:
        asked = self.codes.pop(sent.get("code", ""), None)
        if asked is None or sent.get("redirect_uri") != asked["redirect_uri"]:
            return None
        proof = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(proof).rstrip(b"=").decode() != asked.get("code_challenge"):
            return None
        moment = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": f"sub-of-{self.email}",
            "aud": self.audience,
            "iat": moment,
            "exp": moment + 300,
            "nonce": asked.get("nonce", ""),
            "email": self.email,
            "email_verified": self.verified,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": signed}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if url.path == "/.well-known/openid-configuration":
                self._json(provider.metadata())
            elif url.path == "/keys":
                self._json({"keys": [provider.public.as_dict(private=False)]})
            elif url.path == "/authorize" and asked.get("client_id") == CLIENT:
                code = provider.code_for(asked)
                back = urlencode({"code": code, "state": asked["state"]})
                link = html.escape(f"{asked['redirect_uri']}?{back}")
                self._send(f'<a href="{link}">Continue</a>'.encode(), "text/html")
            elif url.path == "/end":
                self.send_response(302)
                self.send_header("Location", asked["post_logout_redirect_uri"])
                self.end_headers()
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            sent = {name: values[0] for name, values in parse_qs(body).items()}
            known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            allowed = self.headers.get("Authorization") == f"Basic {known.replace(' ', '+')}"
            found = provider.token_for(sent) if allowed else None
            if found is None:
                self.send_error(400)
            else:
                self._json(found)

        def _json(self, value: dict[str, Any]) -> None:
            self._send(json.dumps(value).encode(), "application/json")

        def _send(self, body: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    return Handler
