"""Audits whether a classifier's decisions stay right and equal for similar people when perturbed.

Names load on first use, so that `import rafair` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rafair._version import __version__

if TYPE_CHECKING:
    from rafair.auditing.entry import audit
    from rafair.datasets.loading import Dataset, load_dataset
    from rafair.errors import (
        ClusterError,
        DataFileError,
        DownloadError,
        IncompleteError,
        InputError,
        ModelError,
        RafairError,
        RafairWarning,
        RunFolderError,
        StorageError,
        StoreBusyError,
        UnfinishedRunError,
        UnknownNameError,
    )
    from rafair.gating.assert_gate_text import assert_gate
    from rafair.gating.entry import gate
    from rafair.gating.gate_decision import Decision, Finding
    from rafair.gating.policy import Policy
    from rafair.gating.run_differences import Comparison, diff
    from rafair.models.function_classifier import FunctionClassifier
    from rafair.models.models_by_name import ModelOptions
    from rafair.models.torch_module import TorchClassifier
    from rafair.models.training import TrainConfig, train
    from rafair.reports.report_formats import report
    from rafair.results.audit_result import Audit
    from rafair.results.case_details import Case
    from rafair.sources.any_model import open_model
    from rafair.tabular.schema import Feature, Kind, Schema
    from rafair.tabular.schema_file import read_schema
    from rafair.tabular.schema_inference import infer_schema
    from rafair.tabular.table import Table
    from rafair.tabular.table_from_file import read_table
    from rafair.verdicts import Verdict

_HOMES = {
    "Audit": "rafair.results.audit_result",
    "Case": "rafair.results.case_details",
    "Comparison": "rafair.gating.run_differences",
    "Dataset": "rafair.datasets.loading",
    "Decision": "rafair.gating.gate_decision",
    "Feature": "rafair.tabular.schema",
    "Finding": "rafair.gating.gate_decision",
    "FunctionClassifier": "rafair.models.function_classifier",
    "Kind": "rafair.tabular.schema",
    "ModelOptions": "rafair.models.models_by_name",
    "Policy": "rafair.gating.policy",
    "Schema": "rafair.tabular.schema",
    "Table": "rafair.tabular.table",
    "TorchClassifier": "rafair.models.torch_module",
    "TrainConfig": "rafair.models.training",
    "Verdict": "rafair.verdicts",
    "assert_gate": "rafair.gating.assert_gate_text",
    "audit": "rafair.auditing.entry",
    "diff": "rafair.gating.run_differences",
    "gate": "rafair.gating.entry",
    "infer_schema": "rafair.tabular.schema_inference",
    "load_dataset": "rafair.datasets.loading",
    "open_model": "rafair.sources.any_model",
    "read_schema": "rafair.tabular.schema_file",
    "read_table": "rafair.tabular.table_from_file",
    "report": "rafair.reports.report_formats",
    "train": "rafair.models.training",
    **dict.fromkeys(
        (
            "ClusterError",
            "DataFileError",
            "DownloadError",
            "IncompleteError",
            "InputError",
            "ModelError",
            "RafairError",
            "RafairWarning",
            "RunFolderError",
            "StorageError",
            "StoreBusyError",
            "UnfinishedRunError",
            "UnknownNameError",
        ),
        "rafair.errors",
    ),
}

__all__ = [
    "Audit",
    "Case",
    "ClusterError",
    "Comparison",
    "DataFileError",
    "Dataset",
    "Decision",
    "DownloadError",
    "Feature",
    "Finding",
    "FunctionClassifier",
    "IncompleteError",
    "InputError",
    "Kind",
    "ModelError",
    "ModelOptions",
    "Policy",
    "RafairError",
    "RafairWarning",
    "RunFolderError",
    "Schema",
    "StorageError",
    "StoreBusyError",
    "Table",
    "TorchClassifier",
    "TrainConfig",
    "UnfinishedRunError",
    "UnknownNameError",
    "Verdict",
    "__version__",
    "assert_gate",
    "audit",
    "diff",
    "gate",
    "infer_schema",
    "load_dataset",
    "open_model",
    "read_schema",
    "read_table",
    "report",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rafair' has no attribute '{name}'")
    import importlib

    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
