"""Which of a zone's disks are filling. A disk is told once, however many folders lie on it."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from crossing.alerts import Alert


def filling_disks(folders: Mapping[str, Path], percent: int, zone: str) -> list[Alert]:
    """By the names of folders. A folder that is not there yet has no disk; its step says so."""
    found: dict[int, Alert] = {}
    for name, folder in sorted(folders.items()):
        if not folder.exists():
            continue
        usage = shutil.disk_usage(folder)
        if 100 * usage.used >= percent * usage.total:
            # In steps: the words change, and are told again, when it has become worse and not with each file.
            least = 100 * usage.used // usage.total // 5 * 5
            found.setdefault(
                folder.stat().st_dev,
                Alert(
                    kind="disk_filling",
                    about=f"{zone} {name}",
                    what=f"The disk of the {zone} zone's folder {name} is {least} % full or more.",
                    where="docs/runbook/DiskFull.md",
                ),
            )
    return list(found.values())
