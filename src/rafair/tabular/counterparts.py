"""The counterparts I(v) of a row: every combination of values of its sensitive features.

No counterpart is held as a row. A counterpart is a number, its place in the
order of `itertools.product` over the domains in column order, and is made a row when it is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rafair.errors import InputError
from rafair.tabular.encoding import Rows, encode_values
from rafair.tabular.schema import Schema
from rafair.tabular.single_precision import check_apart

Indices = NDArray[np.int64]
NONE = -1
"""Stands for "no counterpart" where an index is expected."""

MOST_LISTED = 1 << 16
"""Domains of at most so many counterparts are written out, a number for each feature: looking
values up takes less than working out where they stand."""


class Counterparts:
    """All combinations of sensitive values, enumerated lazily.

    A row whose own values are new to the domain is its own counterpart as well: it stands behind
    all others, at index `size`.

    Args:
        columns: The positions of the sensitive features.
        domains: For each of them its encoded values, ascending.

    Raises:
        InputError: If there is no second value to compare with.

    Example:
        >>> both = Counterparts([0, 2], [np.float32([0, 1]), np.float32([0, 0.5, 1])])
        >>> both.size
        6
        >>> row = np.float32([[1, 0.3, 0.5]])
        >>> both.own_index(row).tolist()
        [4]
        >>> [block.shape for block in both.enumerate(row[0], rows_per_block=4)]
        [(4, 3), (2, 3)]
    """

    def __init__(self, columns: Sequence[int], domains: Sequence[NDArray[np.float32]]) -> None:
        self.columns = tuple(columns)
        self.domains = tuple(np.unique(np.asarray(domain, np.float32)) for domain in domains)
        self.sizes = tuple(len(domain) for domain in self.domains)
        self.size = math.prod(self.sizes)
        if not self.columns or self.size < 2:
            raise InputError(
                "sensitive features: expected at least one with two or more values, so that a row "
                "has a counterpart to be compared with"
            )
        strides = np.cumprod((1, *self.sizes[:0:-1]))[::-1]
        self.strides = tuple(int(stride) for stride in strides)
        self._listed: list[NDArray[np.float32]] | None = None
        if self.size <= MOST_LISTED:
            self._listed = self._values(np.arange(self.size))

    @classmethod
    def of(cls, schema: Schema) -> Counterparts:
        """The counterparts that a schema's sensitive features and their domains define.

        Raises:
            InputError: If no feature is sensitive, or one has no domain, or one of which two values
                would be one counterpart.
        """
        columns = [schema.column(name) for name in schema.sensitive]
        domains = []
        for name in schema.sensitive:
            if not schema[name].domain:
                raise InputError(f"sensitive feature '{name}': expected a domain of values")
            check_apart(schema[name])
            domains.append(encode_values(schema[name].domain, schema[name]))
        return cls(columns, domains)

    def own_index(self, rows: Rows) -> Indices:
        """The index of each row among its counterparts, -1 where its values are new; `(n,)`."""
        index = np.zeros(len(rows), np.int64)
        known = np.ones(len(rows), bool)
        for column, domain, stride in zip(self.columns, self.domains, self.strides, strict=True):
            place = np.minimum(np.searchsorted(domain, rows[:, column]), len(domain) - 1)
            known &= domain[place] == rows[:, column]
            index += place * stride
        return np.where(known, index, -1)

    def counts(self, rows: Rows) -> Indices:
        """The number of counterparts of each row, itself included; shape `(n,)`."""
        return np.where(self.own_index(rows) < 0, self.size + 1, self.size).astype(np.int64)

    def substitute(self, rows: Rows, indices: Indices) -> None:
        """Writes counterpart `indices[i]` into `rows[i]`; index `size` leaves the row as it is."""
        own = indices == self.size
        keep = rows[own].copy() if own.any() else None
        if self._listed is None:
            columns = self._values(indices)
        else:
            known = indices if keep is None else np.where(own, 0, indices)
            columns = [values[known] for values in self._listed]
        for column, values in zip(self.columns, columns, strict=True):
            rows[:, column] = values
        if keep is not None:
            rows[own] = keep

    def _values(self, indices: Indices) -> list[NDArray[np.float32]]:
        """For each sensitive feature its value in the counterparts `indices`."""
        sides = zip(self.domains, self.strides, strict=True)
        return [domain[(indices // stride) % len(domain)] for domain, stride in sides]

    def enumerate(self, row: Rows, rows_per_block: int = 4096) -> Iterator[Rows]:
        """Yields all counterparts of one row of shape `(d,)`, block by block, in domain order."""
        total = int(self.counts(row[None])[0])
        for start in range(0, total, rows_per_block):
            indices = np.arange(start, min(start + rows_per_block, total))
            block = np.repeat(row[None], len(indices), axis=0)
            self.substitute(block, indices)
            yield block
