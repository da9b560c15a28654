"""Sound deliveries of every format, spoilt so that the parser meets an identifier in the very place where it gives up."""

import gzip
import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from simulator.simulate import simulate

# format, folder and practice, as policy/practices.csv has them
WHERE = {
    "emis_csv": "Y99001",
    "tpp_csv": "tpp_csv/Y99009",
    "gpdpr_xml": "gpdpr_xml/Y99010",
    "medicus_csv": "medicus_csv/Y99011",
    "fhir_r4": "fhir_r4/Y99012",
    "gp_connect": "gp_connect/Y99013",
}
Spoil = Callable[[bytes, bytes], bytes]


def deliver(incoming: Path, format_name: str) -> Path:
    """A practice's sound delivery; returns its folder."""
    place = Path(WHERE[format_name])
    number = int(place.name[1:]) - 99_000
    simulate(
        incoming / place.parent,
        format=format_name,
        practices=1,
        first_practice=number,
        patients=10,
        entries_per_patient=10,
    )
    return incoming / place


def spoil_delivery(folder: Path, format_name: str, spoil: Spoil, canary: str) -> None:
    """One file of the delivery, the patients' own, as `spoil(content, canary)` leaves it."""
    path = next(each for each in sorted(folder.rglob("*")) if re.search(_PATIENTS[format_name], each.name))
    data = path.read_bytes()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(spoil(gzip.decompress(data), canary.encode()), mtime=0))
    elif path.suffix == ".zip":
        path.write_bytes(_spoilt_member(data, spoil, canary.encode()))
    else:
        path.write_bytes(spoil(data, canary.encode()))


_PATIENTS = {
    "emis_csv": r"Admin_Patient_",
    "tpp_csv": r"SRPatient\.csv",
    "gpdpr_xml": r"PAT_EXTRACT",
    "medicus_csv": r"\.zip",
    "fhir_r4": r"Patient\.ndjson",
    "gp_connect": r"\.json",
}


def _spoilt_member(data: bytes, spoil: Spoil, canary: bytes) -> bytes:
    again = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(again, "w", zipfile.ZIP_DEFLATED) as spoilt:
        for name in archive.namelist():
            member = archive.read(name)
            spoilt.writestr(name, spoil(member, canary) if name == "patient.csv" else member)
    return again.getvalue()


def another_surname(data: bytes, canary: bytes) -> bytes:
    """The first patient is called as the canary is, so that what follows happens beside it."""
    name = next(each for each in _NAMES if re.search(each, data))
    return re.sub(name, lambda found: found[1] + canary + found[3], data, count=1)


_NAMES = (
    rb'("family": ")([^"]+)(")',
    rb'( surname=")([^"]+)(")',
    rb'(\n"[^"]*","Y99009","[^"]*","[^"]*","[^"]*",")([^"]*)(")',
    rb'(\n(?:"[^"]*",){5}")([^"]*)(")',
    rb"(\n(?:[^,\n]*,){3})([^,\n]*)(,)",
)


def cut_off(data: bytes, canary: bytes) -> bytes:
    """In the middle of the value."""
    called = another_surname(data, canary)
    return called[: called.index(canary) + len(canary)]


def of_another_encoding(data: bytes, canary: bytes) -> bytes:
    """A byte that no UTF-8 has, and one that Windows-1252 has no letter for."""
    return another_surname(data, canary + b"\xff\x81")


def a_quote_too_many(data: bytes, canary: bytes) -> bytes:
    """In CSV, JSON and XML alike a value then ends where it does not end."""
    return another_surname(data, b'"' + canary + b'"<&')


def among_the_names(data: bytes, canary: bytes) -> bytes:
    """The value where a column, an element or an attribute is named."""
    if data.lstrip().startswith(b"<"):
        return re.sub(rb'( surname=")', b" " + canary + rb'="1"\1', data, count=1)
    if data.startswith(b"{"):
        return data.replace(b'"resourceType": "Patient"', b'"resourceType": "Patient", "' + canary + b'": 1', 1)
    header, rest = data.split(b"\n", 1)
    end = b"\r" if header.endswith(b"\r") else b""
    lines = rest.split(b"\n")
    return b"\n".join([header.rstrip(b"\r") + b',"' + canary + b'"' + end, *lines])


def no_header(data: bytes, canary: bytes) -> bytes:
    """The first patient stands where the columns are named."""
    called = another_surname(data, canary)
    return (
        called.split(b"\n", 1)[1]
        if b"," in called.split(b"\n", 1)[0] and not called.startswith(b"{")
        else b"\n" + called[1:]
    )


def nothing_but(data: bytes, canary: bytes) -> bytes:
    return canary


def of_another_kind(data: bytes, canary: bytes) -> bytes:
    """The value where the kind of a record is said."""
    if data.lstrip().startswith(b"<"):
        return data.replace(b"<practitioner ", b"<" + canary + b" ", 1)
    return data.replace(b'"resourceType": "Patient"', b'"resourceType": "' + canary + b'"', 1)


def called_after(folder: Path, canary: str) -> None:
    """A file more, whose name is the value."""
    path = next(each for each in sorted(folder.rglob("*")) if each.is_file())
    shutil.copy(path, path.with_name(f"{canary}{path.suffix}"))


def member_called_after(path: Path, canary: str) -> None:
    """A member more in an archive, whose name is the value; and its bytes are not what the archive says they are."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{canary}.csv", canary * 3)
    path.write_bytes(path.read_bytes().replace(canary.encode() * 3, canary[::-1].encode() * 3, 1))


def copy_of(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))
