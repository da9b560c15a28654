"""The formats a practice's truth can be written in: one module each, found by its name.

Whatever the format, the people, the events and the opt-outs of a seed are the same. A format says what it cannot carry.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, cast, runtime_checkable

from simulator.consents import Consent
from simulator.facts import Rows
from simulator.practice import Practice

CUT_FILE, CHANGED_HEADER = "cut_file", "changed_header"
RowsOf: TypeAlias = Callable[[str], Iterator[Rows]]


class UnknownFormat(ValueError):
    """The simulator does not write this supplier's format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a delivery came to. `extract_id` only where it is known from what was written, as a hash of it is."""

    files: int
    bytes: int
    extract_id: str = ""


class Writer(Protocol):
    """One supplier format. `WRITER` of its module is one of these.

    simulator.record and simulator.codings say of rows what EMIS says over several files. Every writer is held against
    its adapter by tests/journey/test_any_format_*.py.
    """

    @property
    def name(self) -> str: ...

    @property
    def files(self) -> tuple[str, ...]:
        """The files of a night (named as in simulator.emis.layout) that a delivery is made from, in its order."""
        ...

    def extract_id(self, night: int) -> str:
        """What the adapter will call the extract."""
        ...

    def carried(self, rows: Rows) -> Rows | None:
        """The rows this format can carry, their facts as they will be read; None where it carries none.

        They are what is counted on the answer sheet. Rows without facts are reference rows there.
        """
        ...

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Writes the night's delivery into the practice's folder, whole or in trouble (CUT_FILE, CHANGED_HEADER).

        `rows_of(file)` gives what is carried of a file. Every file must be asked for; only the first time is counted.
        """
        ...

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        """Writes the broken delivery of a night again, whole."""
        ...


@runtime_checkable
class MakesOwnRows(Protocol):
    """A writer whose deliveries are not a night's changes: one that always gives whole records, say."""

    def rows(self, source: Practice, night: int, file: str) -> Iterator[Rows]:
        """The rows of a delivery, in place of the night's. See simulator.record.as_it_stands."""
        ...


@runtime_checkable
class ReadsOtherwise(Protocol):
    """A writer of a format that cannot say everything there is to say about the people or their opt-outs."""

    def as_read(self, source: Practice, entries: list[Consent]) -> tuple[Practice, list[Consent]]:
        """The practice and its opt-outs as the adapter will understand them: whom nothing marks as a test, say.

        Only counting goes by them. Somebody the format leaves out altogether has `joined_on` NEVER.
        """
        ...


def writer(format: str) -> Writer:
    """The writer of a format. Raises UnknownFormat, which lists those there are."""
    module = f"{__name__}.{format}"
    try:
        found = importlib.import_module(module) if format.isidentifier() else None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        found = None
    if not hasattr(found, "WRITER"):
        raise UnknownFormat(f"This format is not simulated; choose one of {', '.join(formats())}.")
    return cast("Writer", found.WRITER)  # type: ignore[union-attr]  # a module, as has just been seen


def formats() -> list[str]:
    """The formats there are: the modules of this package that have a WRITER; others are parts of one."""
    names = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(name for name in names if hasattr(importlib.import_module(f"{__name__}.{name}"), "WRITER"))
