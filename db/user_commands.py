"""`python -m db user …`: accounts, by whoever may use the server's command line."""

import argparse
import getpass
import sys
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from db import accounts
from db.command_line import Parser, add_json
from db.engine import make_engine
from db.errors import AccountError
from db.migrate import upgrade
from db.schema import Annotator
from db.sessions import reading, writing
from db.settings import Settings

Result = Mapping[str, Any]


def add_command(given: argparse.Namespace) -> Result:
    """Make an account, an annotator's by default; asks for its password unless --no-password."""
    password = None if given.no_password else _new_password(given)
    account = accounts.NewAccount(given.name, given.email, given.role, password)
    with writing(_engine()) as session:
        return _shown(accounts.add(account, session=session))


def list_command(_given: argparse.Namespace) -> Result:
    """List the accounts."""
    with reading(_engine()) as session:
        return {"users": [_shown(one) for one in accounts.everybody(session=session)]}


def password_command(given: argparse.Namespace) -> Result:
    """Give somebody a new password; signs them out everywhere."""
    password = _new_password(given)
    with writing(_engine()) as session:
        person = accounts.named(given.name, session=session)
        accounts.set_password(person, password, session=session)
        return _shown(person)


def change_command(given: argparse.Namespace) -> Result:
    """Change somebody's role or address."""
    with writing(_engine()) as session:
        person = accounts.named(given.name, session=session)
        accounts.change(person, session=session, role=given.role, email=given.email)
        return _shown(person)


def disable_command(given: argparse.Namespace) -> Result:
    """Disable an account; signs the person out everywhere. Answers stay."""
    return _set_active(given.name, False)


def enable_command(given: argparse.Namespace) -> Result:
    """Let a disabled account sign in again."""
    return _set_active(given.name, True)


def _engine() -> Engine:
    """Return the store's engine, made and brought to the newest schema where needed."""
    engine = make_engine(Settings.from_environment().database_url)
    upgrade(engine)
    return engine


def _set_active(name: str, active: bool) -> Result:
    with writing(_engine()) as session:
        person = accounts.named(name, session=session)
        accounts.change(person, session=session, active=active)
        return _shown(person)


def _new_password(given: argparse.Namespace) -> str:
    """Read a password without showing it: from a terminal twice, else one line of stdin."""
    if given.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise AccountError("there is no terminal to ask for a password at; use --password-stdin")
    password = getpass.getpass(f"New password of {given.name}: ")
    if getpass.getpass("Once more: ") != password:
        raise AccountError("the two passwords are not the same; try again")
    return password


def _shown(person: Annotator) -> dict[str, Any]:
    return {
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "active": person.active,
        "password": person.password_hash is not None,
    }


def _show(result: Result) -> str:
    users = result.get("users", [result])
    lines = []
    for one in users:
        state = "" if one["active"] else ", disabled"
        way = "with a password" if one["password"] else "without a password"
        lines.append(f"{one['name']}: {one['role']}, {one['email'] or 'no address'}, {way}{state}")
    return "\n".join(lines) or "no accounts yet: python -m db user add NAME --role admin"


def add_user_commands(commands: Any) -> None:
    """Add `user` and its commands to a parser."""
    text = "Add, list, change and disable accounts; give passwords."
    user = commands.add_parser("user", help=text, description=text)
    below = user.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    add_json(user)
    for name, function in (
        ("add", add_command),
        ("list", list_command),
        ("password", password_command),
        ("change", change_command),
        ("disable", disable_command),
        ("enable", enable_command),
    ):
        command = below.add_parser(name, help=function.__doc__, description=function.__doc__)
        if name != "list":
            command.add_argument("name", metavar="NAME", help="the person's name")
        if name in {"add", "change"}:
            default = "annotator" if name == "add" else None
            words = f"what the person may do; default: {default or 'as before'}"
            command.add_argument("--role", choices=accounts.ROLES, default=default, help=words)
            command.add_argument("--email", help="address by which a provider knows the person")
        if name in {"add", "password"}:
            command.add_argument(
                "--password-stdin", action="store_true", help="read the password from stdin"
            )
        if name == "add":
            command.add_argument(
                "--no-password", action="store_true", help="for people who sign in by OIDC"
            )
        add_json(command)
        command.set_defaults(function=function, show=_show)
