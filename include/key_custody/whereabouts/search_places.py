"""Looks for every secret in folders and processes; in Airflow's database by a process of its own, which alone has its driver."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from key_custody.custody_file import files_of_custody
from key_custody.whereabouts.airflow_folders import LOGS
from key_custody.whereabouts.metadata_access import MetadataAccess
from key_custody.whereabouts.sampled_folder import SampledFolder, can_be_written, sampled
from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, wrong
from leak_search.findings import Findings
from leak_search.needles import Needle
from leak_search.processes import Processes
from leak_search.search import search
from leak_search.surfaces import Allowed, Folder

PROCESSES, OTHERS, METADATA = "processes", "others' processes", "metadata"
_LONGEST_SECONDS = 3600
_MOST_LINES = 20  # of one place: a log that is full of keys need not fill the screen too


def search_places(
    needles: Sequence[Needle], folders: Mapping[str, Path], keys: Path, pids: Callable[[], Iterable[int]]
) -> list[Verdict]:
    """Processes are watched for as long as folders are searched: most live for a moment."""
    surfaces, said = _folders(folders, keys)
    samples = [each.sample for each in surfaces if isinstance(each, SampledFolder) and each.sample]
    processes = Processes(PROCESSES, pids)
    with processes.watched():
        found = search([*needles, *samples], surfaces) if surfaces else Findings()
    for surface in surfaces:
        said += _of_folder(surface, found)
    return [*said, *_of_processes(search(needles, [processes]))]


def _folders(folders: Mapping[str, Path], keys: Path) -> tuple[list[Folder], list[Verdict]]:
    surfaces: list[Folder] = []
    said: list[Verdict] = []
    allowed = [Allowed(path.resolve(), "the keys themselves") for path in (keys, *files_of_custody(keys))]
    for name, path in folders.items():
        try:
            found = _folder(name, path.resolve(), allowed)
        except OSError as error:
            said.append(not_looked_at(name, f"{error.strerror}. Give its user leave to read it, or look as another."))
        else:
            if isinstance(found, Verdict):
                said.append(found)
            else:
                surfaces.append(found)
    return surfaces, said


def _folder(name: str, path: Path, allowed: Sequence[Allowed]) -> Folder | Verdict:
    if not path.is_dir():
        return _absent(name)
    if not any(path.iterdir()):
        return ok(name, "it is empty")
    return Folder(name, path, allowed) if can_be_written(path) else sampled(name, path, allowed)


def _absent(name: str) -> Verdict:
    """A folder of ours that was never made holds nothing; logs are somewhere, and must be found."""
    if name == LOGS:
        return not_looked_at(name, "no such folder here. Set AIRFLOW__LOGGING__BASE_LOG_FOLDER, or AIRFLOW_HOME.")
    return ok(name, "there is no such folder here")


def _of_folder(surface: Folder, found: Findings) -> list[Verdict]:
    if isinstance(surface, SampledFolder):
        if surface.sample is None:
            return [not_looked_at(surface.name, "it cannot be written to, and holds nothing that serves as a control.")]
        if not any(hit.surface == surface.name and hit.label == surface.sample.label for hit in found.hits):
            return [not_looked_at(surface.name, "what was picked from it as a control was not found again.")]
    return _of_surface(surface.name, found)


def _of_surface(name: str, found: Findings) -> list[Verdict]:
    hits = [hit for hit in found.hits if hit.surface == name and not hit.label.startswith("sample of ")]
    said = [
        wrong(name, f"{hit.label} ({hit.encoding}) in {hit.place}. Take it out, and rotate that key.") for hit in hits
    ]
    said += [not_looked_at(name, f"{why}.") for why in found.unsearched.get(name, [])]
    unread = [each for each in found.unread if each.surface == name]
    if unread:
        said.append(not_looked_at(name, f"{len(unread)} things in it cannot be read, the first {unread[0].place}."))
    if len(said) > _MOST_LINES:
        said = [*said[:_MOST_LINES], wrong(name, f"and {len(said) - _MOST_LINES} more")]
    much = found.searched[name]
    return said or [ok(name, f"no key in {much.pieces} pieces, {much.bytes:,} bytes; the control was found")]


def _of_processes(found: Findings) -> list[Verdict]:
    """Those of other users cannot be read: that is a place of its own, which an administrator looks at as root."""
    refused = [each for each in found.unread if each.surface == PROCESSES]
    found.unread = [each for each in found.unread if each.surface != PROCESSES]
    said = _of_surface(PROCESSES, found)
    if refused:
        said.append(not_looked_at(OTHERS, f"{len(refused)} that this user may not read. Look as an administrator."))
    return said


def search_metadata(needles: Sequence[Needle], access: MetadataAccess | None) -> list[Verdict]:
    """In a process of its own: the source zone has no database driver. The needles go by its standard input, never argv."""
    if access is None:
        return [not_looked_at(METADATA, "no address. Give --metadata-url-file, or look at an export with --also.")]
    asked = {
        "url": access.url,
        "fernet_keys": list(access.fernet_keys),
        "needles": [[each.label, each.encoding, base64.b64encode(each.pattern).decode()] for each in needles],
    }
    command = [sys.executable, "-m", "key_custody.whereabouts.look_in_metadata"]
    try:
        ran = subprocess.run(  # noqa: S603  (our own interpreter and module)
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False
        )
        answer: dict[str, Any] = json.loads(ran.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return [not_looked_at(METADATA, "the process that looks there broke. Look whether its driver is installed.")]
    return [Verdict(METADATA, said, why) for said, why in answer["said"]]
