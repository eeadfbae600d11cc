"""From the names that a user gives to a model and data; the one place that opens them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from rafair.arguments import check_name
from rafair.datasets.info import Variant
from rafair.datasets.loading import Dataset, load_dataset
from rafair.datasets.registry import DATASETS
from rafair.engine.atomic_files import sha256_of
from rafair.engine.devices import check_device
from rafair.engine.progress import SILENT, Progress
from rafair.errors import DataFileError, InputError, ModelError
from rafair.models.answer_cache import CachedClassifier
from rafair.models.classifier import Classifier
from rafair.models.decision_agreement import faithful
from rafair.models.http.http_classifier import open_endpoint
from rafair.models.http.http_options import HttpOptions
from rafair.models.model_folder import load_model, model_folder
from rafair.models.model_kinds import kind_of_model
from rafair.models.model_options import ADDRESSES, ModelOptions
from rafair.models.models_by_name import open_model
from rafair.models.saved_network import is_saved_network
from rafair.models.training import TrainConfig
from rafair.models.wrapped_model import WrappedModel, wrapped_in
from rafair.sources.network_sources import FreshNetwork, SavedNetwork
from rafair.sources.opened_model import OpenedModel
from rafair.sources.row_sources import DataSource, InMemory, Streamed, some_table
from rafair.sources.saved_models import open_saved_for
from rafair.sources.source import Source
from rafair.sources.wrapped_models import inside, rewrapped
from rafair.tabular.column_roles import Roles
from rafair.tabular.large_tables import can_be_streamed, is_large, open_own
from rafair.tabular.reading_options import AS_IT_IS, ReadAs
from rafair.tabular.schema import Schema
from rafair.tabular.schema_file import read_schema
from rafair.tabular.streamed_table import TableFile
from rafair.tabular.table import Table
from rafair.tabular.table_formats import ENDINGS, PARQUET, ending_of
from rafair.tabular.table_from_file import read_own

DEFAULT_DATASET = "affairs"


@dataclass(frozen=True)
class Named(Roles):
    """What a user names.

    Args:
        model: A folder that rafair saved, or another's model: a file, `module.py:name`, or the
            address of an endpoint. None for a network that is trained on a data set.
        data: A table in a file; None for a data set.
        dataset: The data set's name; that of a saved network if None, else the embedded one.
        variant: The data set's variant.
        schema: A schema file for `data`; if None, the schema is inferred from it.
        reading: How `data` is to be read.
        stream: Whether `data` is read block by block; by default if it is large.
        opening: How the model is opened.
        http: How a model behind HTTP is asked.
        max_queries: The most rows that a model behind HTTP may be asked about.

    Raises:
        InputError: If both a file and a data set are named.
    """

    model: str | None = None
    data: Path | None = None
    dataset: str | None = None
    variant: str | None = None
    schema: Path | None = None
    reading: ReadAs = AS_IT_IS
    stream: bool | None = None
    opening: ModelOptions = field(default_factory=ModelOptions)
    http: HttpOptions = field(default_factory=HttpOptions)
    max_queries: int | None = None

    def __post_init__(self) -> None:
        for name in ("dataset", "variant"):
            value = getattr(self, name)
            if self.data is not None and value is not None:
                raise InputError(
                    f"{name}: expected not to be given with `data`, a file of its own; got "
                    f"{value!r}"
                )

    @cached_property
    def wraps(self) -> WrappedModel | None:
        """Of a folder with a model of one's own in a wrapper, its description."""
        is_folder = self.model is not None and is_saved_network(self.model)
        return wrapped_in(self.model or "") if is_folder else None

    @property
    def saved(self) -> bool:
        """Whether the model is a network that rafair saved."""
        return self.model is not None and is_saved_network(self.model) and self.wraps is None

    @property
    def streamed(self) -> bool:
        """Whether the file is read block by block: it and the model are in rafair's own formats."""
        told = self.sensitive or self.immutable or self.schema or self.opening.threshold
        if self.stream is False or not self.saved or self.data is None or told:
            return False
        return ending_of(self.data) in PARQUET or ending_of(self.data) not in ENDINGS

    @property
    def streamed_own(self) -> bool:
        """Whether the file is read block by block as a table of one's own.

        Raises:
            InputError: If that is asked for of a file that can only be read whole.
        """
        if self.data is None or self.stream is False:
            return False
        if self.stream and not can_be_streamed(self.data):
            raise InputError(
                f"stream: expected with a file of Parquet, CSV or TSV, got '{self.data}'"
            )
        return bool(self.stream) or is_large(self.data)

    @property
    def kind(self) -> str:
        """What the model is opened as."""
        if self.saved or self.model is None:
            return "rafair"
        if self.wraps is not None:
            return "wrapped"
        found = kind_of_model(self.model, weights=self.opening.weights is not None)
        return found.name if found else "torch"

    def folder_schema(self) -> Schema | None:
        """The schema that a folder with a saved model has; None of another model."""
        if self.wraps is not None:
            return self.wraps.table
        return load_model(model_folder(Path(self.model or "")))[1].table if self.saved else None

    def check_place(self, out: Path | None) -> None:
        """Refuses to write where something lies that is read.

        Raises:
            InputError: If the run's folder is one of the files.
        """
        for what in ("data", "schema", "model"):
            path = getattr(self, what)
            if out is not None and path is not None and out.resolve() == Path(path).resolve():
                raise InputError(f"out: expected another place than the {what}, got '{out}'")


NOTHING_NAMED = Named()


def open_source(
    named: Named,
    training: TrainConfig | None = None,
    progress: Progress = SILENT,
    *,
    whole: bool = False,
) -> Source:
    """Opens what a user names.

    Args:
        named: What.
        training: How a network is trained where no model is named.
        progress: Where bars and notes are shown.
        whole: Whether a file is to be held in memory even where it could be streamed.

    Raises:
        InputError: If the table, the schema or the model is no good, or they do not fit together.
        ModelError: If there is no such model, or it is not to be trusted.
        UnknownNameError: If there is no such data set, or no such variant.
    """
    check_device(named.opening.device)
    if named.streamed and not whole:
        return _streamed(named, progress)
    if named.data is not None:
        if named.model is None:
            raise InputError("data: expected with `model`, which is asked about the file")
        data: DataSource
        if named.streamed_own and not whole:
            data = _own_stream(named, progress)
        else:
            table = own_table(named)
            data = InMemory.of_file(table, named.data, hash_of(named.data), named.reading)
        return Source(_opened(named, data), data)
    if named.model is None:
        dataset = _dataset(named, progress)
        fresh = FreshNetwork(dataset, training or TrainConfig(), named.opening.device)
        return Source(fresh, InMemory.of_dataset(dataset))
    if named.wraps is not None:
        dataset = _dataset(_of_wrapped(named, named.wraps), progress)
    elif not named.saved and kind_of_model(named.model):
        dataset = _dataset(named, progress)
    else:  # what is named like no kind of file can only be meant as a folder
        dataset, folder = dataset_of(named, progress)
        if named.opening.threshold is None:
            saved = SavedNetwork(folder, named.opening.device)
            return Source(saved, InMemory.of_dataset(dataset))
    data = InMemory.of_dataset(dataset)
    return Source(_opened(named, data), data)


def dataset_of(named: Named, progress: Progress = SILENT) -> tuple[Dataset, Path]:
    """The data set that a saved network was trained on, and the folder with the network.

    Raises:
        ModelError: If there is no saved network, or it was trained on another data set than named.
        InputError: If an option says of it what it says itself.
    """
    if named.dataset is not None:
        check_name("data set", named.dataset, DATASETS)
    if named.variant is not None:
        check_name("variant", named.variant, list(Variant))
    named.opening.check_untold(named.model)
    folder = model_folder(Path(named.model or ""))
    _, description = load_model(folder)
    known = description.dataset, description.variant
    asked = named.dataset or known[0], named.variant or known[1]
    if asked != known:
        raise ModelError(
            f"'{folder}': expected a model trained on {' '.join(asked)}, found one trained on "
            f"{' '.join(known)}"
        )
    return load_dataset(*known, progress=progress), folder


def own_table(named: Named) -> Table:
    """Reads the table that a user names, whole.

    Raises:
        InputError: If the file or the schema is no good, or label or sensitive columns are missing.
    """
    assert named.data is not None  # who asks has looked
    schema, scales = _own_schema(named)
    return read_own(
        named.data,
        named,
        schema,
        named.data.stem,
        named.reading,
        scaled=scales,
    )


def _own_schema(named: Named) -> tuple[Schema | None, bool]:
    """What is said of the columns, None where they are looked at; and whether to fill in scales."""
    schema = read_schema(named.schema, named.label) if named.schema else None
    of_model = named.folder_schema() if schema is None else None
    schema = schema or of_model
    if schema is None and named.label is None:
        raise InputError("label: expected the column with the true classes, or a `schema` with one")
    if schema is None and not named.sensitive:
        raise InputError(
            "sensitive: expected the columns whose change must not change the decision, or a "
            "`schema` with some"
        )
    return schema, of_model is None


def open_classifier(named: Named, schema: Schema) -> Classifier:
    """Opens the model that a user names, for rows that are encoded by `schema`.

    Raises:
        InputError: If there is no such model, or it is not to be trusted.
    """
    assert named.model is not None  # who asks has looked
    if (described := named.wraps) is not None:
        folder = model_folder(Path(named.model))
        within = _inside(named, folder, described)
        return rewrapped(
            folder, described, schema, lambda: open_classifier(within, described.table)
        )
    if named.opening.original is not None:
        raise InputError(
            "original: expected with the folder of a hardened model, whose model inside it names; "
            f"got '{named.opening.original}'"
        )
    if named.saved:
        named.opening.check_untold(named.model)
        opening = named.opening
        return open_saved_for(Path(named.model), schema, opening.device, opening.threshold)
    if named.model.startswith(ADDRESSES):
        opened = open_endpoint(named.model, schema, named.opening, named.http)
        return CachedClassifier(opened, max_queries=named.max_queries)
    return open_model(named.model, schema, named.opening)


def _inside(named: Named, folder: Path, described: WrappedModel) -> Named:
    """The model inside a wrapper, opened as when it was hardened."""
    said, sha256 = described.original.said, described.original.sha256
    opening = replace(
        named.opening,
        inputs=said.inputs,
        outputs=said.outputs,
        threshold=said.threshold,
        classes=tuple(said.classes) if said.classes else None,
        expected=sha256,
        original=None,
    )
    return replace(named, model=inside(folder, described, named.opening), opening=opening)


def _of_wrapped(named: Named, described: WrappedModel) -> Named:
    """What is named, with the data set that a wrapped model was hardened on, if it was one."""
    if named.dataset is not None:
        return named
    if described.dataset is None:
        raise InputError(
            f"data: expected a file with the columns {', '.join(described.table.names)}, "
            f"since '{named.model}' was hardened on a table of one's own"
        )
    dataset, variant = described.dataset
    return replace(named, dataset=dataset, variant=named.variant or variant)


def hash_of(path: Path, progress: Progress = SILENT) -> str:
    """The hash of a file's bytes.

    Raises:
        DataFileError: If it cannot be read.
    """
    try:
        with progress.task("hashing the file", path.stat().st_size / 1e6, "MB") as task:
            return sha256_of(path, lambda read: task.advance(read / 1e6))
    except OSError as error:
        raise DataFileError(f"'{path}': cannot be read: {error.strerror}") from error


def _streamed(named: Named, progress: Progress) -> Source:
    """A saved network on a Parquet file with its columns, in the data's own units."""
    assert named.data is not None  # else it would not be streamed
    named.opening.check_untold(named.model)
    named.reading.check_for(named.data, "a Parquet file")
    folder = model_folder(Path(named.model or ""))
    file = TableFile.open(named.data, load_model(folder)[1].table, named.label)
    data = Streamed(file, hash_of(file.path, progress))
    if file.ignored:
        progress.note(f"'{file.path}': columns that are not needed: {', '.join(file.ignored)}")
    return Source(SavedNetwork(folder, named.opening.device), data)


def _own_stream(named: Named, progress: Progress) -> Streamed:
    """A large table of one's own."""
    assert named.data is not None  # who asks has looked
    schema, scales = _own_schema(named)
    file = open_own(
        named.data,
        schema,
        named,
        named.reading,
        scales=scales,
    )
    progress.note(
        f"'{file.path}': {file.rows:,} rows are read block by block: all are judged, a sample is "
        "attacked; --no-stream reads them whole"
    )
    return Streamed(file, hash_of(file.path, progress), named.reading)


def _opened(named: Named, data: DataSource) -> OpenedModel:
    opened = open_classifier(named, data.schema)
    classifier = faithful(opened, some_table(data).rows, data.schema)
    return OpenedModel(classifier, named.kind, named.opening.said.facts)


def _dataset(named: Named, progress: Progress) -> Dataset:
    variant = named.variant or Variant.CLEAN
    return load_dataset(named.dataset or DEFAULT_DATASET, variant, progress=progress)


def of_device(named: Named, device: str) -> Named:
    """What is named, with the model computing there."""
    return replace(named, opening=replace(named.opening, device=check_device(device)))
