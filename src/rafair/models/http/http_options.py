"""How a model behind HTTP is asked, and at what address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from rafair.arguments import check_name, check_real
from rafair.errors import InputError
from rafair.masking import masked
from rafair.options import check_options, documented, option

PROTOCOLS = ("v2", "json")
TOKEN = "RAFAIR_TOKEN"

COLUMNS = "pd"
"""One tensor for each column, by MLServer's content type of that name."""

DATATYPES = ("FP32", "FP64", COLUMNS)

SECRET = re.compile(r"key|token|secret|sig|pass|pwd|code|auth", re.IGNORECASE)
"""In the name of a query parameter: its value would be written down with the address."""


@documented
@dataclass(frozen=True)
class HttpOptions:
    """How a model behind HTTP is asked; what a server declares itself needs no option.

    Args:
        backoff_s: Seconds before the first further try; each later pause is twice as long, and
            all are drawn between half of that and all of it.

    Raises:
        InputError: If an option is out of range.

    Example:
        >>> HttpOptions(retries=2).retries
        2
    """

    protocol: str | None = option(
        None,
        "Of a model behind HTTP: v2 (Open Inference Protocol) or json.",
        "NAME",
        said="told by the address",
    )
    datatype: str | None = option(
        None,
        "Of a v2 model that declares no tensors: FP32 or FP64 for one of all columns, pd for one "
        "of each.",
        "TYPE",
        said="as the server declares",
    )
    input_name: str | None = option(
        None, "The name of that one tensor.", "NAME", said="as the server declares, or rows"
    )
    output_name: str | None = option(
        None,
        "The output with scores of a v2 model that declares no tensors, such as predict_proba.",
        "NAME",
        said="as the server declares",
    )
    batch_rows: int = option(
        512, "Rows in one request to a model behind HTTP.", "N", low=1, high=1_000_000
    )
    concurrency: int = option(4, "Requests under way at once.", "N", low=1, high=1000)
    timeout_s: float = option(
        30.0, "How long to wait for a whole answer.", "SECONDS", high=86_400, typed="--timeout"
    )
    retries: int = option(5, "How often a failed request is tried again.", "N", high=1000)
    token_env: str | None = option(TOKEN, "The environment variable with the bearer token.", "NAME")
    backoff_s: float = 0.5

    def __post_init__(self) -> None:
        if self.protocol is not None:
            check_name("protocol", self.protocol, PROTOCOLS)
        if self.datatype is not None:
            check_name("datatype", self.datatype, DATATYPES)
        check_options(self)
        check_real("backoff_s", self.backoff_s, 0, 3600, low_included=True)

    def token(self) -> str | None:
        """The bearer token; None where the environment holds none.

        Raises:
            InputError: If it is no token, or a variable that was named is not set.
        """
        value = os.environ.get(self.token_env) if self.token_env else None
        if not value:
            if self.token_env not in (None, TOKEN):
                raise InputError(f"{self.token_env}: expected a bearer token there, found none")
            return None
        if not (value.isascii() and value.isprintable() and " " not in value):
            raise InputError(
                f"{self.token_env}: expected a bearer token of visible ASCII characters, found "
                "others in it"
            )
        return value


def checked_address(source: str) -> str:
    """Returns an address that can be written down.

    Raises:
        InputError: If it is none, or holds a password or a key.

    Example:
        >>> checked_address("http://localhost:8000/predict")
        'http://localhost:8000/predict'
    """
    try:
        parts = urlsplit(source)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or not (source.isascii() and source.isprintable() and " " not in source):
        raise InputError(
            f"model: expected an address such as http://HOST:PORT/PATH, got '{masked(source)}'"
        )
    names = [pair.partition("=")[0] for pair in parts.query.split("&")]
    secrets = [name for name in names if SECRET.search(name)]
    if "@" in parts.netloc or parts.fragment or secrets:
        what = f"'?{secrets[0]}='" if secrets else "'#'" if parts.fragment else "user or password"
        raise InputError(
            f"model: expected an address without {what}, since it is written down; a token belongs "
            f"in the environment variable {TOKEN}"
        )
    return source
