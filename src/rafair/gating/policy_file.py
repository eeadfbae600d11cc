"""Policies read from TOML files or mappings, with one line for whatever is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from rafair.engine.toml_file import read_toml
from rafair.errors import InputError, UnknownNameError
from rafair.gating.policy import Baseline, Policy, Rule


def as_policy(policy: Policy | Mapping[str, object] | str | Path) -> Policy:
    """A policy, however it is given.

    Args:
        policy: The policy, its content, or its TOML file.

    Raises:
        InputError: If anything in it is wrong; one line that says where.
    """
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, Mapping):
        return _built(policy)
    if not isinstance(policy, str | Path):
        raise InputError(
            f"policy: expected a path, a mapping or a rafair.Policy, got {type(policy).__name__}"
        )
    return read_policy(Path(policy))


def read_policy(path: Path) -> Policy:
    """Reads a policy file; its baseline's path becomes relative to where we are.

    Raises:
        InputError: If the file cannot be read, or anything in it is wrong.
    """
    document = read_toml(path, "a policy file")
    try:
        policy = _built(document)
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error
    if policy.baseline is None:
        return policy
    run = str(path.parent / policy.baseline.run)
    return policy.model_copy(update={"baseline": Baseline(run=run)})


def _built(content: Mapping[str, object]) -> Policy:
    try:
        return Policy.model_validate(dict(content))
    except ValidationError as error:
        raise InputError(_line(error)) from error


def _line(error: ValidationError) -> str:
    """The first thing that pydantic found wrong, unknown keys before all else."""
    found = error.errors(include_url=False)
    first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
    place = _place(first["loc"])
    key = str(first["loc"][-1]) if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        known = _known_keys(first["loc"])
        return ": ".join([*place[:-1], str(UnknownNameError("key", key, known))])
    if first["type"] == "missing":
        expected = {"rule": "one or more tables [[rule]]", "version": "version = 1"}
        return ": ".join([*place, f"expected {expected.get(key, 'a text')}, found none"])
    message = first["msg"].removeprefix("Value error, ").removeprefix(": ")
    return ": ".join([*place, message])


def _place(location: tuple[int | str, ...]) -> list[str]:
    """Where a value stands: rules are numbered from 1, as people count them."""
    if len(location) > 1 and location[0] == "rule" and isinstance(location[1], int):
        return [f"rule {location[1] + 1}", *map(str, location[2:])]
    return [str(part) for part in location]


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    models: dict[int, type[BaseModel]] = {1: Policy, 2: Baseline, 3: Rule}
    return list(models[len(location)].model_fields)
