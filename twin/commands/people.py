"""user, key: who may write. Passwords and keys are shown once and kept as hashes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
import typer

from layers import accounts
from postgis.connect import EDITOR, connect
from twin.commands.context import say
from twin.commands.database import open_database

user = typer.Typer(no_args_is_help=True)
key = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Its name.")]


@user.callback()
def _user() -> None:
    """Accounts of people."""


@user.command("reset-password")
def reset_password(name: Name = "admin") -> None:
    """Give an account a new generated password; all its sessions end."""
    with _editor() as connection:
        password = accounts.reset_password(connection, name)
    say(f"{name}   新口令（只显示这一次，登录后须修改）new password, shown once: {password}")


@key.command("add")
def add_key(name: Name) -> None:
    """Make a key and show it, once. Programs send it as `Authorization: Bearer KEY`."""
    with _editor() as connection:
        made = accounts.add_key(connection, name)
    say(made)


@key.command("list")
def list_keys() -> None:
    """Names of the keys, when each was made and last used, and whether it is revoked."""
    with _editor() as connection:
        keys = accounts.list_keys(connection)
    for row in keys:
        used = f"{row.last_used:%Y-%m-%d %H:%M}" if row.last_used else "-"
        say(f"{row.name:30} {row.created_at:%Y-%m-%d %H:%M}  used {used}{'  revoked' if row.revoked_at else ''}")


@key.command("revoke")
def revoke_key(name: Name) -> None:
    """Make a key worthless at once."""
    with _editor() as connection:
        accounts.revoke_key(connection, name)
    say(f"{name} 已吊销 · revoked")


@contextmanager
def _editor() -> Iterator[psycopg.Connection[Any]]:
    """A connection that may call the functions that write accounts."""
    with open_database() as database, connect(database, EDITOR) as connection:
        yield connection
