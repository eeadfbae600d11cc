"""The data sets of the paper and one that needs no download, from checked files to tables.

Importing this package reads no file and loads no data library: facts are in `registry`, and each
data set's module is imported when it is loaded.
"""

from rafair.datasets.dataset_files import FileStatus, Place, status
from rafair.datasets.downloading import fetch
from rafair.datasets.info import DatasetInfo, PaperFacts, SourceFile, Variant
from rafair.datasets.loading import Dataset, load_dataset
from rafair.datasets.registry import DATASETS

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetInfo",
    "FileStatus",
    "PaperFacts",
    "Place",
    "SourceFile",
    "Variant",
    "fetch",
    "load_dataset",
    "status",
]
