"""The parcel on disk: a folder named by its id, holding manifest.json, its signatures and sealed parts.

A folder appears under its name by one rename, after everything in it is on disk: half a parcel cannot be seen.
"""

import os
import re
import shutil
import stat
import uuid
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.faultpoint import faultpoint
from crossing.manifest import LARGEST_MANIFEST_BYTES

MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.sig"
SECOND_SIGNATURE_NAME = "manifest.mldsa65.sig"  # only where the signer's entry in the register asks for it
LARGEST_SIGNATURE_BYTES = 4096
LARGEST_PART_BYTES = 512 * 1024 * 1024
NEW_PART_SUFFIX = ".new"  # a part that is about to replace the one of its name
_PART_NAME = re.compile(r"^part-\d{5}\.hpke$")
_PARCEL_NAMESPACE = uuid.UUID("6f1d2a52-6f7c-5d0e-9a53-3c6f0a1f9b11")


class ParcelUnreadable(PersonMustAct):
    """A file of the parcel is missing, is not a plain file, has a name we do not give, or is too large."""


def parcel_id(collection: str, practice_code: str, sequence: int, extract_id: str) -> str:
    """The same extract of the same practice at the same place in the sequence always has the same id.

    That is what makes sealing safe to repeat: the second time finds the first parcel and says "already".
    """
    return str(uuid.uuid5(_PARCEL_NAMESPACE, f"{collection}|{practice_code}|{sequence}|{extract_id}"))


def part_name(index: int) -> str:
    return f"part-{index:05d}.hpke"


def read_manifest_bytes(folder: Path) -> tuple[bytes, bytes]:
    """The manifest and its signature, unparsed. Raises ParcelUnreadable."""
    return _read(folder / MANIFEST_NAME, LARGEST_MANIFEST_BYTES), _read(
        folder / SIGNATURE_NAME, LARGEST_SIGNATURE_BYTES
    )


def read_second_signature(folder: Path) -> bytes | None:
    """The post-quantum signature; None where the parcel has none. Raises ParcelUnreadable."""
    return read_beside(folder, SECOND_SIGNATURE_NAME, LARGEST_SIGNATURE_BYTES)


def read_part(folder: Path, name: str, expected_bytes: int) -> bytes:
    """One sealed part. Raises ParcelUnreadable where the name or the size is not what the manifest says."""
    if not _PART_NAME.match(name):
        raise ParcelUnreadable(f"{folder.name}: a part has a name that is not ours. Refuse the parcel.")
    data = _read(folder / name, LARGEST_PART_BYTES)
    if len(data) != expected_bytes:
        raise ParcelUnreadable(f"{folder.name}/{name}: {len(data)} bytes, but the manifest says {expected_bytes}.")
    return data


def read_beside(folder: Path, name: str, largest: int) -> bytes | None:
    """A plain file that the receiver put beside a parcel's own; None where there is none. Raises ParcelUnreadable."""
    return _read(folder / name, largest) if os.path.lexists(folder / name) else None


def _read(path: Path, largest: int) -> bytes:
    """A plain file only, and no more of it than we take: a pipe would never end, a device may never answer."""
    where = f"{path.parent.name}/{path.name}"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ParcelUnreadable(f"{where} is not a plain file. Ask the source to send the parcel again.")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(min(found.st_size, largest) + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise ParcelUnreadable(f"{where}: {error.strerror}. Ask the source to send it again.") from None
    if len(data) > largest:
        raise ParcelUnreadable(f"{where} is larger than {largest} bytes.")
    return data


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file and does not return before it is on disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def publish(draft: Path, destination: Path) -> None:
    """The commit point: the draft folder gets its real name, durably. An existing parcel is never replaced."""
    sync_folder(draft)
    if destination.exists():
        shutil.rmtree(draft)
        return
    faultpoint("publish.before_rename")
    draft.rename(destination)
    faultpoint("publish.renamed")
    sync_folder(destination.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def destroy_parts(folder: Path) -> int:
    """Removes a parcel's sealed parts, durably; manifest and signatures stay as evidence. Answers how many there were.

    A part that was about to replace another goes too: a killed run may have left it.
    """
    parts = [path for path in folder.iterdir() if _PART_NAME.match(path.name.removesuffix(NEW_PART_SUFFIX))]
    for part in parts:
        part.unlink(missing_ok=True)
    sync_folder(folder)
    return len(parts)
