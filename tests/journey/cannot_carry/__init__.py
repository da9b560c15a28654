"""What the formats cannot carry, or carry otherwise than EMIS's bulk CSV, which is the measure of all of them.

docs/formats.md shows this table; tests hold the two together, and fail on an entry that is not needed any more.

A module a format, each with its ENTRIES.
"""

import importlib
import pkgutil

from journey.cannot_carry.entry import CannotCarry

CANNOT_CARRY: tuple[CannotCarry, ...] = tuple(
    entry
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name)
    if module.name != "entry"
    for entry in importlib.import_module(f"{__name__}.{module.name}").ENTRIES
)
