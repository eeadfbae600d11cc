"""The tensors of a model whose metadata declare none, as MLServer's do by default: by options."""

from __future__ import annotations

from dataclasses import replace

from rafair.errors import InputError, ModelError
from rafair.models.http.http_options import COLUMNS, HttpOptions
from rafair.models.http.open_inference_protocol import Metadata, Tensor
from rafair.tabular.schema import Feature, Kind, Schema

SCORES, DECISIONS = "predict_proba", "predict"
"""The outputs of MLServer's runtimes for scikit-learn and XGBoost."""


def with_declared(metadata: Metadata, schema: Schema, http: HttpOptions, name: str) -> Metadata:
    """Metadata with the tensors that options declare.

    Args:
        metadata: What the server says.
        schema: The features and classes.
        http: The options.
        name: What to call the model.

    Raises:
        InputError: If a tensor is declared by nobody, or by both.
        ModelError: If a column's values have no datatype.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> schema = Schema(features=(age,), label="y", classes=("no", "yes"))
        >>> http = HttpOptions(datatype="pd", output_name="predict_proba")
        >>> said = with_declared(Metadata((), (), ()), schema, http, "m")
        >>> said.inputs, [output.name for output in said.outputs]
        ((Tensor(name='age', datatype='INT64', shape=(-1, 1)),), ['predict_proba', 'predict'])
    """
    for option, said in (
        ("datatype", metadata.inputs),
        ("input_name", metadata.inputs),
        ("output_name", metadata.outputs),
    ):
        if said and getattr(http, option) is not None:
            raise InputError(f"{option}: the metadata of model '{name}' say it already")
    missing = []
    if not metadata.inputs and http.datatype is None:
        missing.append(
            f"`datatype='FP64'` (one tensor of all columns) or `datatype='{COLUMNS}'` (one of each)"
        )
    if not metadata.outputs and http.output_name is None:
        missing.append(f"`output_name='{SCORES}'`")
    if missing:
        raise InputError(
            f"model '{name}': its metadata declare no tensors; give {' and '.join(missing)}"
        )
    return replace(
        metadata,
        inputs=metadata.inputs or _inputs(schema, http, name),
        outputs=metadata.outputs or _outputs(schema, str(http.output_name)),
    )


def _inputs(schema: Schema, http: HttpOptions, name: str) -> tuple[Tensor, ...]:
    if http.datatype != COLUMNS:
        shape = (-1, len(schema))
        return (Tensor(http.input_name or "rows", str(http.datatype), shape),)
    if http.input_name is not None:
        raise InputError(
            f"input_name: expected not to be given with `datatype='{COLUMNS}'`, where columns have "
            "their own names"
        )
    return tuple(
        Tensor(feature.name, _datatype(feature, name), (-1, 1)) for feature in schema.features
    )


def _outputs(schema: Schema, scores: str) -> tuple[Tensor, ...]:
    found = Tensor(scores, "FP64", (-1, len(schema.classes)))
    decisions = (Tensor(DECISIONS, "INT64", (-1, 1)),) if scores == SCORES else ()
    return (found, *decisions)


def _datatype(feature: Feature, name: str) -> str:
    """The datatype that holds all values of a column as they are."""
    if not feature.levels:
        return "INT64" if feature.kind is Kind.INTEGER else "FP64"
    kinds = {type(level) for level in feature.levels}
    for held, datatype in (
        ({bool}, "BOOL"),
        ({int}, "INT64"),
        ({int, float}, "FP64"),
        ({str}, "BYTES"),
    ):
        if kinds <= held:
            return datatype
    raise ModelError(
        f"model '{name}': column '{feature.name}': expected texts, numbers or truth values "
        "alone for a tensor, found several kinds"
    )
