"""What has to be named again of a run whose folder does not hold its model and its table."""

from __future__ import annotations

import shlex
from collections.abc import Collection

from rafair.results.audit_record import AuditRecord

IN_PYTHON = "rafair.audit(...)"
SAVED = "rafair"
"""The kind of a model that lies in the run's folder."""

ALONE = ("--trust-pickle", "--trust-torchscript")
"""Options without a value."""
OF_DATA = ("--data", "--dataset", "--variant", "--schema", "--label", "--sensitive", "--immutable")
OF_READING = ("--separator", "--decimal", "--thousands", "--encoding", "--sheet")
OF_MODEL = (
    *("--model", "--weights", "--model-input", "--model-output", "--threshold"),
    *("--model-classes", "--trust", *ALONE, "--original", "--protocol", "--token-env"),
)


def named_again(record: AuditRecord) -> str | None:
    """What names the model and the table again that the folder does not hold; None if unknown.

    It begins with a space, or is empty where the folder holds both.
    """
    if record.model.kind == SAVED and record.dataset.file is None:
        return ""
    given = given_options(record, ("--data", *OF_MODEL))
    return given or None


def given_options(record: AuditRecord, wanted: Collection[str]) -> str:
    """Those of the options that the run's command had, as they were given."""
    if not record.command or record.command == IN_PYTHON:
        return ""
    words, kept = shlex.split(record.command), []
    for place, word in enumerate(words):
        name = word.partition("=")[0]
        if name in wanted:
            alone = "=" in word or name in ALONE
            kept += words[place : place + (1 if alone else 2)]
    return "".join(f" {shlex.quote(word)}" for word in kept)
