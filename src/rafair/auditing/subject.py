"""What is audited: a classifier and the table it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rafair.models.classifier import Classifier
from rafair.tabular.counterparts import Counterparts
from rafair.tabular.table import Table


@dataclass(frozen=True)
class Subject:
    """A classifier with the rows it is audited on.

    Args:
        classifier: The model.
        table: The rows, with their schema and true classes.
        variant: The variant of a named data set, else None.
        rows: The number of rows of the whole data set.
        sha256: The hash of the whole data set's encoded rows and labels.
    """

    classifier: Classifier
    table: Table
    variant: str | None
    rows: int
    sha256: str

    @property
    def counterparts(self) -> Counterparts:
        """The counterparts of a row of the table."""
        return Counterparts.of(self.table.schema)

    def dataset_facts(self) -> dict[str, Any]:
        """The `dataset` section of `audit.json`."""
        schema, counterparts = self.table.schema, self.counterparts
        domains = zip(schema.sensitive, counterparts.domains, strict=True)
        values = {name: [float(value) for value in domain] for name, domain in domains}
        return {
            "name": self.table.name,
            "variant": self.variant,
            "rows": self.rows,
            "audited_rows": len(self.table),
            "features": list(schema.names),
            "sensitive": {name: len(domain) for name, domain in values.items()},
            "domains": values,
            "counterparts_per_instance": counterparts.size,
            "label": schema.label,
            "classes": list(schema.classes),
            "schema": schema.model_dump(mode="json"),
            "sha256": self.sha256,
        }
