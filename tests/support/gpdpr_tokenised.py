"""A clear GPDPR delivery made into one whose supplier ran the de-identification itself, with our source key.

This is what a supplier would do; it is written apart from the adapter, with the standard library only.
"""

import csv
import gzip
import hmac
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

KEY_NAME = "token-gpdpr-v1"
_ATTRIBUTE = re.compile(r' ([a-z_]+)="([^"]*)"')
_ROW = re.compile(r"<(patient|appointment) [^>]*/>")
PRACTICES = "gpdpr_xml_practices.csv"


def token(field: str, message: str, key: bytes, *, prefix: str = f"{KEY_NAME}:") -> str:
    digest = hmac.digest(key.hex().encode(), f"{field}\0{message}".encode(), "sha256")
    return prefix + digest[:16].hex()


def tokenise_folder(clear: Path, tokenised: Path, key: bytes, policy: Path) -> None:
    """Extracts with tokens in place of values, weeks and areas beside them; reports as they are."""
    tokenised.mkdir(parents=True, exist_ok=True)
    areas = area_of_postcode(policy)
    for path in sorted(clear.iterdir()):
        if path.suffix == ".gz":
            text = gzip.decompress(path.read_bytes()).decode()
            made = _ROW.sub(lambda row: _tokenised(row.group(0), key, areas), text)
            (tokenised / path.name).write_bytes(gzip.compress(made.encode(), 1, mtime=0))
        else:
            shutil.copy(path, tokenised / path.name)


def _tokenised(row: str, key: bytes, areas: Callable[[str], str]) -> str:
    cells = dict(_ATTRIBUTE.findall(row))
    head = row.split(" ", 1)[0]
    number = cells.pop("patient_id_deid", "").replace(" ", "")
    if number:
        cells["patient_id_deid"] = token("nhs_number", number, key)
    for name, week in (("date_of_birth_deid", "week_of_birth"), ("date_of_death_deid", "week_of_death")):
        if day := cells.pop(name, ""):
            year, number_of_week, _ = date.fromisoformat(day).isocalendar()
            cells |= {name: token(name, day, key), week: f"{year}-W{number_of_week:02d}"}
    if postcode := cells.pop("postcode_deid", ""):
        cells |= {"postcode_deid": token("postcode", postcode, key), "lsoa": areas(postcode)}
    if local := cells.pop("local_id_deid", ""):
        cells["local_id_deid"] = token("local", local, key)
    return head + "".join(f' {name}="{text}"' for name, text in cells.items() if text) + "/>"


def area_of_postcode(policy: Path) -> Callable[[str], str]:
    lines = (policy / "codelists" / "postcode_lsoa.csv").read_text().splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    known = {row["postcode"].replace(" ", ""): row["lsoa_code"] for row in rows}
    return lambda postcode: known.get(postcode.replace(" ", ""), "")


def tokenised_policy(policy: Path, folder: Path, *, key_version: str = KEY_NAME, **cells: str) -> Path:
    """The policy with practice Y99001's supplier tokenising by itself."""
    shutil.copytree(policy, folder)
    row = {
        "deid": "tokenised",
        "key_version": key_version,
        "supplier_holds_back_marked": "yes",
        "reviewed_by": "x",
        **cells,
    }
    names = ("deid", "key_version", "supplier_holds_back_marked", "reviewed_by")
    header = "practice_code,deid,key_version,supplier_holds_back_marked,reviewed_by,why"
    (folder / PRACTICES).write_text(f"{header}\nY99001,{','.join(row[name] for name in names)},test\n")
    return folder
