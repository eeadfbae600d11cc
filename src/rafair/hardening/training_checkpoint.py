"""What an interrupted training has done, on disk: after every epoch, whole or not there.

Numbers lie in safetensors files, all else in one JSON file that names them with their hashes. What
was cut short, altered, or is of another plan is told in a line, and that training is done again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

from rafair.engine.atomic_files import explaining_loss, sha256_of, writing
from rafair.engine.digest_json import read_sealed, write_sealed
from rafair.engine.progress import SILENT, Progress
from rafair.hardening.training_loop import Tensors, TrainingState
from rafair.models.classifier import Labels, Rows
from rafair.results.record_reader import Reader

STATE, ROWS = "state.json", "rows.safetensors"
NETWORK, OPTIMIZER = "network.", "optimizer."


@dataclass
class _Known:
    """The content of `state.json`; without an epoch only the rows to learn from were kept."""

    key: str
    files: dict[str, str] = field(default_factory=dict)
    epoch: int | None = None
    broken: bool = False
    seconds: float = 0.0
    digest: str = ""


_read = Reader(_Known)


class Checkpoint:
    """The kept state of one training; a `Keeper`.

    Args:
        folder: Where its files are; made when the first is kept.
        key: The hash of all that decides the training; what another one has left is not used.
        progress: Told of files that are no good.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = Checkpoint(Path(folder) / "training", "of this plan")
        ...     kept.keep(TrainingState(3, {"0.bias": torch.ones(2)}, {}))
        ...     kept.state().epoch
        3
    """

    def __init__(self, folder: Path, key: str, progress: Progress = SILENT) -> None:
        self.folder, self._key = folder, key
        found = self._read()
        fault = self._fault(found) if folder.exists() else None
        if fault:
            progress.note(f"'{folder}' {fault}: that training is done again")
        self._known = found if found and not fault else _Known(key)

    def rows(self) -> tuple[Rows, Labels] | None:
        """The rows to learn from, if they were kept."""
        if ROWS not in self._known.files:
            return None
        kept = safetensors.torch.load_file(self.folder / ROWS)
        return kept["rows"].numpy(), kept["labels"].numpy()

    def keep_rows(self, rows: Rows, labels: Labels) -> None:
        """Keeps the rows to learn from."""
        self._write(ROWS, {"rows": _tensor(rows), "labels": _tensor(labels)})
        self._write_state()

    def state(self) -> TrainingState | None:
        """The last state that was kept, if any."""
        known = self._known
        if known.epoch is None:
            return None
        kept = safetensors.torch.load_file(self.folder / _name(known.epoch))
        return TrainingState(
            epoch=known.epoch,
            network=_below(kept, NETWORK),
            optimizer=_below(kept, OPTIMIZER),
            broken=known.broken,
            seconds=known.seconds,
        )

    def keep(self, state: TrainingState) -> None:
        """Keeps the state after an epoch, instead of that after the one before.

        Raises:
            StorageError: If the disk is full or has gone; what was kept before stays.
        """
        known = self._known
        before = [name for name in known.files if name != ROWS]
        tensors = {NETWORK + name: value for name, value in state.network.items()}
        tensors |= {OPTIMIZER + name: value for name, value in state.optimizer.items()}
        name = _name(state.epoch)
        self._write(name, tensors)
        for old in before:
            if old != name:
                del known.files[old]
        known.epoch, known.broken, known.seconds = state.epoch, state.broken, state.seconds
        self._write_state()
        with explaining_loss(self.folder):
            for old in before:
                if old != name:
                    (self.folder / old).unlink(missing_ok=True)

    def _write(self, name: str, tensors: Tensors) -> None:
        path = self.folder / name
        with explaining_loss(path):
            self.folder.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary:
            safetensors.torch.save_file(tensors, temporary)
        self._known.files[name] = sha256_of(path)

    def _write_state(self) -> None:
        write_sealed(self.folder / STATE, asdict(self._known))

    def _read(self) -> _Known | None:
        try:
            return _read(read_sealed(self.folder / STATE), STATE)
        except (OSError, ValueError):
            return None

    def _fault(self, found: _Known | None) -> str | None:
        """What is wrong with the files; None if nothing is."""
        if found is None or not found.digest:
            left = any(self.folder.glob("[!.]*"))
            return f"has no {STATE} as it was written" if left else None
        if found.key != self._key:
            return "is of another plan"
        for name, digest in found.files.items():
            path = self.folder / name
            if not path.is_file() or sha256_of(path) != digest:
                return f"has a {name} that was altered or cut short"
        return None


def _name(epoch: int) -> str:
    return f"epoch-{epoch}.safetensors"


def _below(tensors: Tensors, prefix: str) -> Tensors:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.copy())
