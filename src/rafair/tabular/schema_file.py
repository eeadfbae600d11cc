"""Schemas as TOML files: read with one line for whatever is wrong, written with comments."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from rafair.engine.toml_file import read_toml
from rafair.errors import DataFileError, InputError, UnknownNameError
from rafair.sanitize import visible
from rafair.tabular.derived import formulas_of
from rafair.tabular.encoding import expected_values, value_codes
from rafair.tabular.relations import parse_all
from rafair.tabular.schema import Direction, Feature, Kind, Schema, check_span
from rafair.tabular.single_precision import check_apart
from rafair.tabular.value_types import Held, held_by, is_missing, number_name, plain_value

Notes = Mapping[str, Sequence[str]]
"""Comments by the name of the feature, or of the label; those of the file stand under ""."""

TOP = ("label", "classes", "relations", "feature")
FIELDS: dict[str, str] = {
    "name": "a text",
    "kind": f"one of {', '.join(Kind)}",
    "minimum": "a number",
    "maximum": "a number",
    "levels": "a list of texts, numbers or truth values",
    "sensitive": "true or false",
    "domain": "a list of values",
    "immutable": "true or false",
    "direction": f"one of {', '.join(Direction)}",
    "largest_change": "a number",
    "step": "a number",
    "scale": "a number",
    "unit": "a text",
    "group": "a text",
    "missing": "true or false",
    "bands": "a list of numbers",
    "drop": "true or false",
    "derive": "a text",
}
"""What may be said of a feature, and how."""

MOST_CLASSES = 100
SCALAR = (str, bool, int, float)


def read_schema(path: Path | str, label: str | None = None) -> Schema:
    """Reads a schema file.

    A `[[feature]]` of the label column is no feature: its levels are the classes, where the file
    does not list `classes`.

    Args:
        path: The file; `docs/own-data.md` says what stands in it.
        label: The label column, where the file does not name it; if both do, they must agree.

    Raises:
        DataFileError: If the file cannot be read, or anything in it is wrong; one line that names
            the file, the feature, the field and what was expected.

    Example:
        >>> import tempfile
        >>> text = '''
        ... label = "paid"
        ... classes = ["no", "yes"]
        ... [[feature]]
        ... name = "age"
        ... kind = "integer"
        ... minimum = 18
        ... maximum = 95
        ... '''
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "schema.toml").write_text(text)
        ...     schema = read_schema(Path(folder, "schema.toml"))
        >>> schema.names, schema["age"].grid
        (('age',), 1.0)
    """
    path = Path(path)
    document = read_toml(path, "a schema file", DataFileError)
    try:
        return _schema(document, label)
    except InputError as error:
        raise DataFileError(f"'{path}': {error}") from error


def write_schema(schema: Schema, notes: Notes | None = None) -> str:
    """The text of a schema file; reading it gives the schema again.

    Args:
        schema: The schema.
        notes: What to say in comments.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=18, maximum=95, mutable=False)
        >>> schema = Schema(features=(age,), label="paid", classes=("no", "yes"))
        >>> print(write_schema(schema, {"age": ["in years?"]}))
        label = "paid"
        classes = ["no", "yes"]
        <BLANKLINE>
        [[feature]]
        # in years?
        name = "age"
        kind = "integer"
        minimum = 18
        maximum = 95
        immutable = true
    """
    notes = notes or {}
    top = [*_comments(notes.get("", ())), *_comments(notes.get(schema.label, ()))]
    top += [f"label = {_toml(schema.label)}", f"classes = {_toml(schema.classes)}"]
    if schema.relations:
        top.append(write_relations(schema.relations))
    parts = ["\n".join(top), *(write_feature(f, notes.get(f.name, ())) for f in schema.features)]
    return "\n\n".join(parts) + "\n"


def write_feature(feature: Feature, notes: Sequence[str] = ()) -> str:
    """The `[[feature]]` table of one feature, without a line break at its end."""
    fields = feature.model_dump(exclude_defaults=True)
    if not (feature.mutable or feature.derive):
        fields["immutable"] = True
    if feature.bands is not None:  # numbers, not levels: 25 stands for 25.0
        fields["bands"] = tuple(int(e) if e.is_integer() else e for e in feature.bands)
    lines = [f"{name} = {_toml(fields[name])}" for name in FIELDS if fields.get(name) is not None]
    return "\n".join(["[[feature]]", *_comments(notes), *lines])


def write_relations(relations: Sequence[str]) -> str:
    """The line of a schema file that states relations."""
    return f"relations = {_toml(relations)}"


def write_dropped(name: str, why: str) -> str:
    """The `[[feature]]` table of a column that is no feature, and why it is none."""
    return "\n".join(["[[feature]]", comment(why), f"name = {_toml(name)}", "drop = true"])


def comment(text: str) -> str:
    """A line of comment; what TOML allows in none becomes a space."""
    return "# " + visible(" ".join(text.splitlines()))


def _comments(notes: Sequence[str]) -> list[str]:
    return [comment(note) for note in notes]


def _toml(value: Any) -> str:
    value = plain_value(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, str):
        # JSON's escapes are TOML's as well, where they are of one character
        quoted = json.dumps(str(value), ensure_ascii=False)
        return "".join(map(_escaped, quoted))
    if isinstance(value, Sequence):
        return f"[{', '.join(_item(item) for item in value)}]"
    return str(value)


def _item(value: Any) -> str:
    # a level 1.0 is written as such: 1 would be read as another type
    return repr(value) if isinstance(value, float) else _toml(value)


def _schema(document: dict[str, object], label: str | None) -> Schema:
    _check_keys(document, TOP, "")
    tables = document.get("feature", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError("feature: expected tables that begin with [[feature]]")
    features = [
        _feature(table, number)
        for number, table in enumerate(tables, start=1)
        if not _dropped(table, number)
    ]
    label = _label(document, label)
    classes = _texts(document, "classes")
    relations = _texts(document, "relations") or ()
    of_label = next((feature for feature in features if feature.name == label), None)
    if classes is None and of_label is not None:
        classes = _classes(of_label)
    if classes is None:
        raise InputError('classes: expected a list such as ["no", "yes"], found none')
    schema: Schema = _built(
        Schema,
        features=tuple(feature for feature in features if feature is not of_label),
        label=label,
        classes=classes,
        relations=relations,
    )
    if not schema.features:
        raise InputError("expected at least one [[feature]], found none")
    if len(set(classes)) != len(classes):
        raise InputError("classes: expected distinct names")
    parse_all(schema)
    formulas_of(schema)
    check_groups(schema)
    return schema


def check_groups(schema: Schema) -> None:
    """Refuses one-hot groups of one, and those that are sensitive.

    Raises:
        InputError: If there is one.
    """
    for group in groups(schema):
        members = [feature for feature in schema.features if feature.group == group]
        if len(members) < 2:
            raise InputError(f"group '{group}': expected two or more features, found one")
        bad = next((feature.name for feature in members if feature.sensitive), None)
        if bad is not None:
            raise InputError(
                f"feature '{bad}': expected a sensitive feature in no one-hot group, as its "
                f"counterparts would have none or two of '{group}'; make the group one column"
            )


def groups(schema: Schema) -> list[str]:
    """The names of the one-hot groups, in column order."""
    return list(dict.fromkeys(f.group for f in schema.features if f.group is not None))


def _label(document: dict[str, object], given: str | None) -> str:
    label = document.get("label", given)
    if label is None:
        raise InputError('label: expected a line such as label = "paid", found none')
    if not isinstance(label, str) or not label:
        raise InputError(f"label: expected the name of a column, got {label!r}")
    if given is not None and given != label:
        raise InputError(f"label: expected '{label}', as this file says, got '{given}'")
    return label


def _classes(feature: Feature) -> tuple[str, ...] | None:
    """What a column's description says of its values, taken as classes."""
    if feature.levels is not None:
        numbers = held_by(type(feature.levels[0])) is Held.NUMBERS
        return tuple(map(number_name if numbers else str, feature.levels))
    assert feature.minimum is not None
    assert feature.maximum is not None  # it is a number
    if feature.kind is Kind.INTEGER and feature.maximum - feature.minimum < MOST_CLASSES:
        return tuple(map(str, range(int(feature.minimum), int(feature.maximum) + 1)))
    return None


def _texts(document: dict[str, object], key: str) -> tuple[str, ...] | None:
    values = document.get(key)
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InputError(f"{key}: expected a list of texts, got {values!r}")
    return tuple(values)


def _dropped(table: dict[str, object], number: int) -> bool:
    """Whether the table tells of a column that is no feature; its other fields do not count."""
    name = table.get("name")
    if not isinstance(name, str) or not name:
        raise InputError(f"feature number {number}: name: expected a text, got {name!r}")
    where = f"feature '{name}': "
    _check_keys(table, FIELDS, where)
    for field, value in table.items():
        if not _fits(field, value):
            raise InputError(f"{where}{field}: expected {FIELDS[field]}, got {value!r}")
    if not table.get("drop"):
        return False
    if table.get("sensitive"):
        raise InputError(f"{where}drop: expected of a feature that is not sensitive")
    return True


def _feature(table: dict[str, object], number: int) -> Feature:
    name = table["name"]
    where = f"feature '{name}': "
    if "kind" not in table:
        raise InputError(f"{where}kind: expected {FIELDS['kind']}, found none")
    fields = {key: value for key, value in table.items() if key not in ("immutable", "drop")}
    fields["mutable"] = not table.get("immutable", False)
    if table["kind"] == Kind.BOOLEAN:
        fields.setdefault("levels", (False, True))
    _check_fields_of_kind(table, fields, where)
    feature: Feature = _built(Feature, **fields)
    _check_levels(feature.levels or (), where)
    check_span(where.removesuffix(": "), feature.minimum or 0.0, feature.maximum or 0.0)
    if feature.domain is not None:
        if len(set(feature.domain)) != len(feature.domain):
            raise InputError(f"{where}domain: expected distinct values, got {table['domain']!r}")
        wrong = np.isnan(value_codes(pd.Series(feature.domain, dtype=object), feature))
        if wrong.any():
            found = feature.domain[int(wrong.argmax())]
            raise InputError(f"{where}domain: expected {expected_values(feature)}, got {found!r}")
        check_apart(feature)
    return feature


def _check_levels(levels: Sequence[Any], where: str) -> None:
    if any(map(is_missing, levels)):
        raise InputError(f"{where}levels: expected {FIELDS['levels']}, found a missing value")
    kinds = dict.fromkeys(held_by(type(level)) for level in levels)
    if len(kinds) > 1:
        found = " and ".join(kinds)
        raise InputError(f"{where}levels: expected values of one kind, found {found}")


def _fits(field: str, value: Any) -> bool:
    expected = FIELDS[field]
    if expected == "a text":
        return isinstance(value, str)
    if expected == "true or false":
        return isinstance(value, bool)
    if expected == "a number":
        return _is_number(value)
    if expected == "a list of numbers":
        return bool(value) and isinstance(value, list) and all(map(_is_number, value))
    if expected.startswith("one of"):
        return value in list(Kind if field == "kind" else Direction)
    return bool(value) and isinstance(value, list) and all(isinstance(v, SCALAR) for v in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_fields_of_kind(table: dict[str, object], fields: dict[str, object], where: str) -> None:
    """Refuses what has no meaning for a kind, which would be silently without effect."""
    kind = Kind(str(table["kind"]))
    useless = ["levels"] if kind.is_number else ["minimum", "maximum", "step", "bands", "derive"]
    if "derive" in table:
        useless += ["direction", "largest_change", "immutable"]
    if kind in (Kind.CATEGORICAL, Kind.BOOLEAN, Kind.OPAQUE):
        useless += ["direction", "largest_change", "scale"]
    if kind is Kind.OPAQUE:
        useless += ["levels", "domain", "group"]
        if table.get("immutable") is False:
            raise InputError(f"{where}immutable: expected true for the kind 'opaque', got False")
    for field in useless:
        if field in table:
            what = "a derived feature" if "derive" in table else f"the kind '{kind}'"
            raise InputError(f"{where}{field}: expected not to be given for {what}")
    needed = ["minimum", "maximum"] if kind.is_number else ["levels"]
    if kind is Kind.OPAQUE:
        needed = []
    for field in needed:
        if field not in fields:
            raise InputError(f"{where}{field}: expected {FIELDS[field]}, found none")
    levels = fields.get("levels")
    if kind is Kind.BOOLEAN and isinstance(levels, Sized) and len(levels) != 2:
        raise InputError(f"{where}levels: expected two, got {levels!r}")


def _check_keys(
    table: Mapping[str, object], known: Sequence[str] | Mapping[str, object], where: str
) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"{where}{UnknownNameError('key', key, known)}")


def _built(what: type[Any], **fields: Any) -> Any:
    """A feature or schema; pydantic's report of what is wrong becomes one line."""
    try:
        return what(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{place}: {message}" if place else message) from error


def _escaped(character: str) -> str:
    """A character of a TOML text, spelt out where it would act unseen."""
    if character == " " or visible(character) == character:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
