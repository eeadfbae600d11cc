"""What is needed to repeat a run: command, options, versions and hashes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rafair.results.audit_options import AuditOptions
from rafair.results.audit_record import AuditRecord
from rafair.results.options_named_again import IN_PYTHON
from rafair.results.run_facts import decision_in_words

TOLD = {
    "threshold": "threshold",
    "classes": "model_classes",
    "inputs": "model_input",
    "outputs": "model_output",
}
"""What a caller may say of a model, as `model.options` and as the parameters of `rafair.audit`."""

NOT_OPTIONS = ("plan", "seed", "repair")


def manifest(record: AuditRecord) -> Iterator[tuple[str, str]]:
    """Names and values, a line each."""
    yield "command", record.command or "unknown"
    yield "seed", f"{record.seed}"
    yield "made", record.created
    yield "rafair", record.rafair_version
    environment, data, model = record.environment, record.dataset, record.model
    yield "Python", environment.python
    yield from environment.packages.items()
    yield "processor", f"{environment.cpu}, {environment.threads} threads"
    yield "device", environment.device
    yield "data set", data.name
    what = "its file" if data.streamed else "its encoded rows and labels"
    yield f"sha256 of {what}", data.sha256
    if data.file:
        yield f"sha256 of {data.file.name}", data.file.sha256
    yield "model", model.name
    if model.decision:
        yield "the model decides", decision_in_words(model.decision, model.input)
        yield "order of its outputs", ", ".join(model.decision.classes)
    yield "sha256 of the model", model.sha256 or "unknown"
    for name, digest in record.files.items():
        yield f"sha256 of {name}", digest
    for name, value in record.config.items():
        if name not in NOT_OPTIONS:
            yield f"option {name}", _text(value)
    for name, value in record.config.get("repair", {}).items():
        yield f"option {name} of the repair", _text(value)
    yield "plan", record.config["plan"]


def repeat(record: AuditRecord) -> str:
    """The command that repeats the run, quoted for a POSIX shell; or the call in Python.

    Options that were left to their defaults do not show in it: the manifest names them all.
    """
    return call(record) if record.command == IN_PYTHON else record.command or ""


def call(record: AuditRecord) -> str:
    """The call of `rafair.audit` with every option that is not its default."""
    config, defaults = record.config, AuditOptions()
    given = [
        f"{name}={_python(config[name])}"
        for name in AuditOptions.__dataclass_fields__
        if name in config and _python(config[name]) != _python(getattr(defaults, name))
    ]
    told = vars(record.model.options)
    given += [
        f"{parameter}={_python(told[name])}"
        for name, parameter in TOLD.items()
        if told.get(name) is not None
    ]
    return f"rafair.audit({', '.join(['model', 'table', *given])})"


def _python(value: Any) -> str:
    """A value as Python writes it; sequences as lists, as JSON knows no others."""
    return repr(json.loads(json.dumps(value)))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(item)}" for name, item in value.items())
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else f"{value}"
