"""Which database is meant, and how it is named to people: never with its password."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from rafair.errors import InputError
from rafair.masking import masked
from rafair.sanitize import visible

POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
DRIVER = "postgresql+psycopg"
EXPECTED = "the path of a file, or postgresql://USER:PASSWORD@HOST/DATABASE"
INSTALL = "pip install 'rafair[postgresql]' installs it"

MISSPELT = re.compile(r"(postgres|sqlite)[\w+]*:|(host|dbname|user|password)=", re.IGNORECASE)
"""How what is meant for a server or a file begins that would otherwise be a file's name."""

PATIENT = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""Options of libpq by which a server that went without a word is missed within a minute."""


@dataclass(frozen=True)
class Address:
    """A database: exactly one of `path` and `url` is there.

    Args:
        shown: Its name in messages.
        path: Of SQLite's file.
        url: Of PostgreSQL's database.
    """

    shown: str
    path: Path | None = None
    url: URL | None = None


def address_of(given: str | Path) -> Address:
    """Reads what the user gave.

    Raises:
        InputError: If it names no database that can be used here.

    Example:
        >>> address_of("postgresql://me:secret@db.example:5433/watch?sslmode=require").shown
        'postgresql://me@db.example:5433/watch'
        >>> address_of("sqlite:///watch.sqlite").path
        PosixPath('watch.sqlite')
    """
    if isinstance(given, Path):
        return _file(given)
    if "://" not in given:
        if MISSPELT.match(given) or masked(given) != given:  # a path would be told in pieces
            raise InputError(f"store: expected {EXPECTED}, got '{visible(masked(given))}'")
        return _file(Path(given))
    scheme, _, rest = given.partition("://")
    if scheme == "sqlite":
        return _file(Path(unquote(rest.removeprefix("/"))))
    if scheme not in POSTGRESQL:
        raise InputError(f"store: expected {EXPECTED}, got '{visible(scheme)}://...'")
    return _server(rest)


def _file(path: Path) -> Address:
    shown = f"'{visible(str(path))}'"
    if "\0" in str(path) or not path.name:
        raise InputError(f"store {shown}: expected the path of a file")
    if path.is_dir():
        raise InputError(f"store {shown}: expected a file, found a folder")
    if not path.parent.is_dir():
        parent = visible(str(path.parent))
        raise InputError(
            f"store {shown}: expected a file in a folder that exists, found no '{parent}'"
        )
    return Address(shown, path=path)


def _server(rest: str) -> Address:
    try:
        url = make_url(f"{DRIVER}://{rest}")
    except (ArgumentError, ValueError):  # either may hold the password
        raise InputError(f"store: expected {EXPECTED}, got a URL that cannot be read") from None
    if "@" in (url.host or ""):  # what follows it is a part of the password
        raise InputError(
            "store: expected one @ in the URL, got more: write one that is in the user's name or "
            "password as %40"
        )
    if importlib.util.find_spec("psycopg") is None:
        raise InputError(f"store: PostgreSQL's driver psycopg is not installed; {INSTALL}")
    shown = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    missing = {name: value for name, value in PATIENT.items() if name not in url.query}
    return Address(visible(str(shown)), url=url.update_query_dict(missing))
