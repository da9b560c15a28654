"""Moving keys under another custody: from plain files under a data key, or a data key under another wrapping key.

Whatever stops it half way, the same command again goes on: plain files are destroyed last, and only when their sealed
copies were opened with a data key that was asked for anew.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from crossing.connections import read_secret_bytes
from crossing.key_files import KeyRefused, destroy_key_file
from key_custody import plain_files
from key_custody.custody_file import CUSTODY, CustodySettings, read_custody_file, write_custody_file
from key_custody.plain_files import PlainFiles
from key_custody.sealed_files import SealedFiles
from key_custody.unwrapped import unwrap
from key_custody.wrapping import Wrapping, wrapping_of


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a folder's keys."""

    backend: str
    sealed: list[str]
    rewrapped: bool


def seal_keys(folder: Path, settings: CustodySettings, by: Wrapping | None = None) -> Moved:
    """`settings` have no data key yet; `by` wraps it, where that takes more leave than `settings` have.

    Raises KeyRefused, CustodyRefused, CustodyAway (TryAgain); then no key is lost.
    """
    if (folder / CUSTODY).exists():
        return _rewrap(folder, settings, by or wrapping_of(folder, settings))
    plain = PlainFiles(folder).names()
    if not plain:
        raise KeyRefused(f"{folder} holds no key to seal. Name the zone's keys folder.")
    data_key, wrapped = (by or wrapping_of(folder, settings)).new_data_key()
    settings = replace(settings, data_key=wrapped)
    sealed = SealedFiles(folder, settings.zone, settings.backend, data_key)
    for name in set(sealed.names()) & set(plain):  # of a run that was stopped: nothing opens them any more
        sealed.destroy(name)
    for name in plain:
        sealed.write(name, _plain(folder, name))
    _check_and_destroy(folder, settings, plain)
    return Moved(settings.backend, plain, rewrapped=False)


def _rewrap(folder: Path, settings: CustodySettings, by: Wrapping) -> Moved:
    """The keys stay as they are sealed; their data key is wrapped anew. Plain keys that were added since are sealed."""
    present = read_custody_file(folder)
    if present.zone != settings.zone:
        raise KeyRefused(f"{folder} holds the keys of the {present.zone} zone. Name the right folder.")
    data_key = unwrap(folder, present)
    settings = replace(settings, data_key=by.wrap(data_key))
    sealed, plain = SealedFiles(folder, settings.zone, settings.backend, data_key), PlainFiles(folder).names()
    for name in set(plain) - set(sealed.names()):
        sealed.write(name, _plain(folder, name))
    _check_and_destroy(folder, settings, plain)
    return Moved(settings.backend, plain, rewrapped=True)


def _check_and_destroy(folder: Path, settings: CustodySettings, plain: list[str]) -> None:
    opened = SealedFiles(folder, settings.zone, settings.backend, unwrap(folder, settings))
    for name in plain:
        expected = _plain(folder, name)
        if opened.secret(name, expected_bytes=len(expected)) != expected:
            raise KeyRefused(
                f"Key {name} lies here plain and sealed, and the two differ. Find out which is right; remove the other."
            )
    write_custody_file(folder, settings)
    for name in plain:
        destroy_key_file(folder / f"{name}{plain_files.ENDING}")


def _plain(folder: Path, name: str) -> bytes:
    return read_secret_bytes(folder / f"{name}{plain_files.ENDING}")
