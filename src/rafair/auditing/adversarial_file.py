"""The columns of `adversarial.parquet`, `repaired.parquet` and `verdicts.parquet`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.results.run_files import VERDICT_NAMES
from rafair.search.observation import NONE, Observation
from rafair.search.trajectory import Trajectory
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows, decode, decode_values
from rafair.tabular.schema import Schema
from rafair.verdicts import verdicts


@dataclass(frozen=True)
class Moments:
    """Rows of shape `(n, d)` at some steps of an attack."""

    instances: NDArray[np.int64]
    steps: NDArray[np.int64]
    labels: Labels
    targets: Labels
    rows: Rows
    observation: Observation


def trajectory_table(
    attack: str, instances: NDArray[np.int64], trajectory: Trajectory, schema: Schema
) -> pa.Table:
    """One row per instance and step, instance by instance, the clean row as step 0."""
    n, moments = len(instances), trajectory.steps + 1
    by_instance = np.arange(n * moments).reshape(moments, n).T.ravel()
    observation = _joined(trajectory.observations).take(by_instance)
    moment = Moments(
        instances=np.repeat(instances, moments),
        steps=np.tile(np.arange(moments), n),
        labels=np.repeat(trajectory.labels, moments),
        targets=np.repeat(trajectory.targets, moments),
        rows=np.concatenate(trajectory.rows)[by_instance],
        observation=observation,
    )
    return table_of(attack, moment, schema)


def with_budget(table: pa.Table, epsilon: float | None) -> pa.Table:
    """The table with its budget as the column `epsilon`; null where features have their own."""
    return table.append_column("epsilon", pa.array([epsilon] * len(table), pa.float64()))


def with_smallest(
    table: pa.Table, instances: NDArray[np.int64], found_at: NDArray[np.float64]
) -> pa.Table:
    """The table with the column `smallest_epsilon`.

    Args:
        table: Rows, instance by instance, as many of each.
        instances: The instances, in the order of the rows.
        found_at: For each the smallest budget at which anything broke it; NaN where nothing did.
    """
    each = np.repeat(found_at, len(table) // max(len(instances), 1))
    return table.append_column("smallest_epsilon", pa.array(each, from_pandas=True))


def final_table(
    attack: str, instances: NDArray[np.int64], trajectory: Trajectory, schema: Schema
) -> pa.Table:
    """One row per instance: the last iterate."""
    moments = Moments(
        instances=instances,
        steps=np.full(len(instances), trajectory.steps),
        labels=trajectory.labels,
        targets=trajectory.targets,
        rows=trajectory.rows[-1],
        observation=trajectory.observations[-1],
    )
    return table_of(attack, moments, schema)


def table_of(attack: str, moments: Moments, schema: Schema) -> pa.Table:
    """The columns that the design promises."""
    seen, rows = moments.observation, moments.rows
    zero = pa.array(~seen.gradient.any(axis=1), mask=~seen.differentiated)
    columns: dict[str, object] = {
        "attack": _dictionary(np.zeros(len(rows), np.int64), [attack]),
        "instance": moments.instances,
        "step": moments.steps.astype(np.int32),
        **_verdict_columns(moments.labels, seen),
        "target": moments.targets,
        "loss": seen.loss,
        "counterpart_loss": pa.array(seen.counterpart_loss, from_pandas=True),
        "counterpart_prediction": _counterpart_prediction(seen),
        "zero_gradient": zero,
        "bins": pa.array(seen.bins.astype(np.int32), mask=seen.bins == 0),
        "entropy_bits": pa.array(seen.entropy, from_pandas=True),
    }
    for column, name in enumerate(schema.names):
        columns[f"encoded.{name}"] = rows[:, column]
    raw = decode(rows, schema)
    for name in schema.names:
        columns[f"raw.{name}"] = _raw(raw[name], schema, name)
    columns |= _counterpart_columns(rows, seen.disagreeing, schema)
    return pa.table(columns)


def verdict_table(
    instances: NDArray[np.int64],
    labels: Labels,
    rows: Rows,
    observation: Observation,
    schema: Schema,
) -> pa.Table:
    """The columns of `verdicts.parquet`, for rows of shape `(n, d)`: no features, which it joins.

    Args:
        instances: The rows' numbers in the file they come from; shape `(n,)`.
        labels: Their true classes; shape `(n,)`.
        rows: The encoded rows.
        observation: What was seen of them.
        schema: The features.
    """
    return pa.table(
        {
            "instance": instances,
            **_verdict_columns(labels, observation),
            # the logits behind it have no more digits
            "loss": observation.loss.astype(np.float32),
            "counterpart_prediction": _counterpart_prediction(observation),
            **_counterpart_columns(rows, observation.disagreeing, schema),
        }
    )


def _verdict_columns(labels: Labels, seen: Observation) -> dict[str, object]:
    accurate = seen.prediction == labels
    return {
        "label": labels,
        "prediction": seen.prediction,
        "accurate": accurate,
        "fair": seen.fair,
        "verdict": _dictionary(verdicts(accurate, seen.fair), VERDICT_NAMES),
    }


def _counterpart_prediction(seen: Observation) -> pa.Array:
    return pa.array(seen.disagreeing_prediction, mask=seen.disagreeing_prediction == NONE)


def _counterpart_columns(
    rows: Rows, disagreeing: NDArray[np.int64], schema: Schema
) -> dict[str, object]:
    """The sensitive values of the first counterpart that disagrees; null where none does."""
    other = rows.copy()
    found = disagreeing != NONE
    Counterparts.of(schema).substitute(other, np.where(found, disagreeing, 0))
    columns = {}
    for name in schema.sensitive:
        values = pd.Series(decode_values(other[:, schema.column(name)], schema[name]))
        columns[f"counterpart.{name}"] = _raw(values, schema, name, mask=~found)
    return columns


def _raw(values: Any, schema: Schema, name: str, mask: NDArray[np.bool_] | None = None) -> pa.Array:
    if schema[name].kind.is_number:
        return pa.array(values.to_numpy(np.float64), mask=mask, from_pandas=True)
    texts = [None if pd.isna(value) else str(value) for value in values]
    return pa.array(texts, pa.string(), mask=mask)


def _dictionary(codes: NDArray[Any], names: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(names, pa.string()))


def _joined(observations: tuple[Observation, ...]) -> Observation:
    fields = vars(observations[0])
    return Observation(
        **{name: np.concatenate([getattr(o, name) for o in observations]) for name in fields}
    )
