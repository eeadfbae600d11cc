"""What the environment says of proxies and certificates, looked at before anybody is asked.

A setting that cannot be used would else come up as an error of the library, or of the model.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from rafair.errors import InputError
from rafair.masking import masked

PROXIES = ("http_proxy", "https_proxy", "all_proxy")
"""The variables that name a proxy, in small or capital letters."""


def certificates() -> ssl.SSLContext:
    """Which certificates are trusted: those of SSL_CERT_FILE or SSL_CERT_DIR, or httpx' own.

    Raises:
        InputError: If the variable names none.
    """
    import httpx

    name, value = trusted()
    if name == "SSL_CERT_FILE" and not Path(value).is_file():
        raise InputError(f"{name}: expected a file with certificates, found none at '{value}'")
    if name == "SSL_CERT_DIR" and not any(map(os.path.isdir, value.split(os.pathsep))):
        raise InputError(f"{name}: expected a folder with certificates, found none at '{value}'")
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        raise InputError(
            f"{name or 'certifi'}: expected certificates that can be read, found '{value}' "
            f"({error.strerror or error})"
        ) from error


def trusted() -> tuple[str, str]:
    """The variable that says where certificates are, and what it says; empty where none does."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        if os.environ.get(name):
            return name, os.environ[name]
    return "", ""


def check_proxies() -> None:
    """Checks the proxies that the environment names.

    Raises:
        InputError: If the client cannot use one; names the variable.
    """
    for name, value in os.environ.items():
        if name.lower() in PROXIES and value:
            _check_proxy(name, value if "://" in value else f"http://{value}")


def _check_proxy(name: str, address: str) -> None:
    import httpx

    expected = f"{name}: expected a proxy such as http://HOST:PORT, found '{masked(address)}'"
    try:
        parts = urlsplit(address)
        usable = parts.hostname and (parts.port or 1) > 0 and " " not in address
        httpx.Client(proxy=address, trust_env=False, verify=False).close()
    except ImportError as error:
        raise InputError(f"{expected}; pip install 'httpx[socks]' adds socks5://") from error
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable:
        raise InputError(expected)
