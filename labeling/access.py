"""The three ways in, and where each may be offered. `python -m labeling.access HOST` checks.

local      whoever reaches the port picks a name: this machine only
accounts   name and password (python -m db user add)
oidc       the sign-in of an OpenID Connect provider; its address names the account
"""

import ipaddress
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labeling.errors import AccessRefused

WAYS = ("local", "accounts", "oidc")
_HOW = (
    "To share it, add an account (python -m db user add NAME --role admin) and start with "
    "RELABEL_ACCESS=accounts, or use oidc (docs/access.md)"
)
_OIDC = ("RELABEL_OIDC_METADATA_URL", "RELABEL_OIDC_CLIENT_ID", "RELABEL_OIDC_CLIENT_SECRET")


@dataclass(frozen=True)
class Access:
    """way: one of WAYS. url: where browsers reach the app from outside, "" if only from here."""

    way: str = "local"
    url: str = ""

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise AccessRefused(f"RELABEL_ACCESS is {self.way!r}; choose one of {', '.join(WAYS)}")
        if self.url and urlsplit(self.url).scheme not in {"http", "https"}:
            raise AccessRefused(
                f"RELABEL_URL is {self.url!r}; write it as https://labels.example.org"
            )

    @property
    def hosts(self) -> list[str]:
        """The names under which browsers may ask; any other is a rebinding attack."""
        outside = urlsplit(self.url).hostname if self.url else None
        return ["127.0.0.1", "localhost", *([outside] if outside else [])]

    @property
    def encrypted(self) -> bool:
        """Whether browsers reach the app over TLS, so that cookies may say so."""
        return self.url.startswith("https://")


def access() -> Access:
    """Read RELABEL_ACCESS and RELABEL_URL. Raises AccessRefused."""
    way = os.environ.get("RELABEL_ACCESS") or "local"
    return Access(way, (os.environ.get("RELABEL_URL") or "").rstrip("/"))


def check_address(address: str | None, chosen: Access) -> None:
    """Raise AccessRefused where people without a sign-in could be let in from elsewhere.

    address: what the server listens on; None or "" is every interface of the machine.
    """
    if chosen.way == "local" and not is_loopback(address):
        raise AccessRefused(
            f"local access asks for no password, so it listens on 127.0.0.1 only, not on "
            f"{address or 'every interface'}. {_HOW}"
        )
    if chosen.way == "oidc":
        oidc_settings(chosen)


def is_loopback(address: str | None) -> bool:
    """Tell whether only this machine reaches an address."""
    if not address:
        return False
    if address.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def oidc_settings(chosen: Access) -> dict[str, str]:
    """Return what Streamlit's sign-in needs to know of the provider. Raises AccessRefused."""
    values = {name: os.environ.get(name) or "" for name in _OIDC}
    missing = [name for name, value in values.items() if not value]
    missing += [] if chosen.url else ["RELABEL_URL"]
    if missing:
        raise AccessRefused(f"RELABEL_ACCESS=oidc needs {', '.join(missing)} too (docs/access.md)")
    metadata, identity, secret = values.values()
    return {
        "redirect_uri": f"{chosen.url}/oauth2callback",
        "client_id": identity,
        "client_secret": secret,
        "server_metadata_url": metadata,
    }


def cookie_secret(data: Path) -> str:
    """Return the secret that signs cookies: made once, readable by the server's user only."""
    file = data / "cookie-secret"
    data.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        beside = data / f".cookie-secret-{secrets.token_hex(8)}"
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32))
        # Linking never replaces: of two servers that start at once, both use the first one's.
        try:
            os.link(beside, file)
        except FileExistsError:
            pass
        finally:
            beside.unlink()
    found = file.read_text(encoding="ascii").strip()
    if len(found) < 32 or file.stat().st_mode & 0o077:
        raise AccessRefused(
            f"{file} must hold at least 32 characters and be readable by its owner only: "
            f"chmod 600 {file}, or remove it to get a new one (everybody signs in again)"
        )
    return found


def main(arguments: list[str]) -> int:
    """Check the address that a start script is about to use."""
    try:
        check_address(arguments[0] if arguments else "", access())
    except AccessRefused as refused:
        sys.stderr.write(f"error: {refused}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
