"""The keys folder itself: what lies there, whose it is, and who could read or change it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from crossing.key_files import MODE
from key_custody import plain_files, sealed_files
from key_custody.custody_file import CUSTODY, files_of_custody
from key_custody.whereabouts.deployment import Deployment
from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, take_care, wrong

PLACE = "keys folder"
_PUBLIC = {CUSTODY, "key_register.toml"}
_PUBLIC_ENDING = ".pub"
_FOLDERS = {"connections", "signers"}  # others' secrets, and others' public keys


def look_at_files(deployment: Deployment) -> list[Verdict]:
    folder = deployment.keys
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        return [not_looked_at(PLACE, f"{error.strerror}. Run as the user of the zone's worker.")]
    said = [*_folder_itself(folder), *_names(found, deployment), *_closed(folder)]
    if not said:
        secrets = sum(path.suffix in (plain_files.ENDING, sealed_files.ENDING) for path in found)
        said = [ok(PLACE, f"{secrets} secret keys, each 0400, ours, and known by its name")]
    return [*said, *_the_others_folder(deployment)]


def _folder_itself(folder: Path) -> Iterator[Verdict]:
    found = folder.stat()
    if stat.S_IMODE(found.st_mode) & 0o022:
        yield wrong(PLACE, "others can write to it, and so put a key of theirs in the place of ours. Make it 0700.")
    if found.st_uid not in (os.geteuid(), 0):
        yield wrong(PLACE, "it belongs to another user. Give it to the user of the zone's worker.")


def _names(found: list[Path], deployment: Deployment) -> Iterator[Verdict]:
    is_sealed = any(path.name == CUSTODY for path in found)
    opening = files_of_custody(deployment.keys)
    for path in found:
        if deployment.is_the_others(path.stem) and path.suffix in (plain_files.ENDING, sealed_files.ENDING):
            yield wrong(PLACE, f"{path.name} is a secret of the other zone. Destroy it here, and ask how it came here.")
        elif path.suffix in (plain_files.ENDING, sealed_files.ENDING):
            if deployment.expected_bytes(path.stem) is None:
                yield wrong(PLACE, f"{path.name} is no key that this zone knows. Take it away, or name it rightly.")
            elif is_sealed and path.suffix == plain_files.ENDING:
                yield wrong(PLACE, f"{path.name} lies plain beside sealed keys. Run `keys seal` again.")
        elif path.name not in _PUBLIC | _FOLDERS and path.suffix != _PUBLIC_ENDING and path not in opening:
            yield wrong(PLACE, f"{_shown(path)} does not belong among keys: a copy, a draft or a backup. Take it away.")


def _closed(folder: Path) -> Iterator[Verdict]:
    """Every file, those of connections too; public ones need only be safe from being changed."""
    for path in sorted(folder.rglob("*")):
        found = path.lstat()
        mode, name = stat.S_IMODE(found.st_mode), _shown(path.relative_to(folder))
        is_public = path.suffix in (_PUBLIC_ENDING, ".crt") or path.name in _PUBLIC or path.is_dir()
        if path.is_symlink():
            yield wrong(PLACE, f"{name} is a link. Put the file itself there.")
        elif is_public and mode & 0o022:
            yield wrong(PLACE, f"{name} can be written to by others (mode {mode:04o}). Make it 0400, a folder 0700.")
        elif not is_public and mode != MODE:
            yield wrong(PLACE, f"{name} has mode {mode:04o}. Make it 0400.")
        elif found.st_uid not in (os.geteuid(), 0) or (not is_public and found.st_uid != os.geteuid()):
            yield wrong(PLACE, f"{name} belongs to another user. Give it to the user of the zone's worker.")


def _the_others_folder(deployment: Deployment) -> Iterator[Verdict]:
    folder = deployment.environment.get(deployment.the_others_folder)
    if folder and os.access(folder, os.R_OK):
        yield take_care(
            "other zone", f"{deployment.the_others_folder} can be read from here. In life the zones share no machine."
        )


def _shown(path: Path) -> str:
    """A name may be a key itself, so a long one is cut."""
    text = str(path)
    return text if len(text) <= 60 else f"{text[:30]}..."
