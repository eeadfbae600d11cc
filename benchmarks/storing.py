"""The figures of the last release, as a JSON file."""

from __future__ import annotations

import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.figures import Figure
from rafair._version import __version__
from rafair.auditing.audit_json import environment
from rafair.engine.atomic_files import writing
from rafair.errors import InputError

FIGURES = Path(__file__).with_name("figures.json")


class Stored(BaseModel):
    """What the file holds.

    Args:
        rafair_version: The version that was measured.
        date: When.
        cpu: The processor it ran on.
        threads: How many threads computed.
        figures: The figures by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rafair_version: str
    date: datetime.date
    cpu: str
    threads: int = Field(ge=1)
    figures: dict[str, Figure]

    @classmethod
    def now(cls, figures: dict[str, Figure], threads: int) -> Stored:
        """Figures that were measured just now, on this machine."""
        return cls(
            rafair_version=__version__,
            date=datetime.datetime.now(datetime.UTC).date(),
            cpu=environment(threads, "cpu")["cpu"],
            threads=threads,
            figures=figures,
        )

    @classmethod
    def read(cls, path: Path) -> Stored | None:
        """The figures in a file; None where there is no file.

        Raises:
            InputError: If the file cannot be read, or holds something else.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"'{path}': cannot be read: {error.strerror}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            what = f"{where}: {first['msg']}" if where else first["msg"]
            raise InputError(
                f"'{path}': expected figures that `python -m benchmarks --store` wrote, "
                f"found {what}; remove it or put back what stood there"
            ) from error

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all.

        Raises:
            StorageError: If the disk is full.
            InputError: If the folder may not be written to.
        """
        with writing(path) as temporary:
            temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
