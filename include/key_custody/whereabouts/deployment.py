"""What the doctor is told by a zone, which it does not know: the keys that belong there, and where else to look."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from key_custody.whereabouts.verdict import Verdict
from leak_search.processes import every_process

Secrets = Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One zone as it runs here."""

    zone: str
    keys: Path
    kinds: Mapping[str, int]  # what secret keys belong here: a pattern of their names, and their bytes
    of_the_other_zone: Sequence[str]  # patterns of names that must never be here
    the_others_folder: str  # the setting that names the other zone's keys, which this zone must not be able to read
    folders: Mapping[str, Path]
    derived: Callable[[Secrets], Secrets]  # sub-keys, which are as secret
    checks: Callable[[], list[Verdict]]  # the zone's own: that its keys parse, and its register is in force
    environment: Mapping[str, str] = field(repr=False)
    pids: Callable[[], Iterable[int]] = every_process

    def expected_bytes(self, name: str) -> int | None:
        """None for a name that does not belong here."""
        return next((size for pattern, size in self.kinds.items() if re.fullmatch(pattern, name)), None)

    def is_the_others(self, name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in self.of_the_other_zone)
