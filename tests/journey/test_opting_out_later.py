"""Opting out after records have left, and in again, through both zones: what the store holds, and what is left anywhere."""

import hmac
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest

from central_zone import keys as central_keys
from central_zone.erasures.stripped import read_stripped
from central_zone.receive import opened_rows, read_signed_manifest
from crossing.policy import policy_folder
from journey.both_zones import BothZones, make_both_zones
from source_zone.keys import LOCAL_ID, NHS_NUMBER, load_keys
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.postgres import Postgres, a_server, psycopg_url

pytestmark = pytest.mark.slow

NIGHTS = [f"202609{day:02}010000" for day in range(2, 12)]
NEIGHBOUR = "Y99002"
ANNES_NUMBER = "9990000018"
ANNE = a_patient("anne", NhsNumber=ANNES_NUMBER)
EVERYBODY: Rows = {
    "Admin_Patient": [ANNE, a_patient("bert"), a_patient("carol", NhsNumber="9990000026")],
    "CareRecord_Observation": [
        an_observation("anne", "asthma"),
        *(an_observation("anne", f"wheeze {number}") for number in range(30)),
        an_observation("anne", "tomorrow", EffectiveDate="2031-01-01"),  # quarantined at the centre
        *(an_observation("bert", f"cough {number}") for number in range(30)),
        an_observation("carol", "measles of carol"),
    ],
    "CareRecord_Problem": [{"ObservationGuid": guid("asthma"), "PatientGuid": guid("anne"), "Deleted": "false"}],
}
OTHERS = 31  # observations that are not anne's
NO: Rows = {"CareRecord_Observation": [an_observation("anne", "no", "2", EffectiveDate="2026-09-02")]}
YES: Rows = {"CareRecord_Observation": [an_observation("anne", "yes", "3", EffectiveDate="2026-09-03")]}
NOTHING: Rows = {}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zones(tmp_path: Path, postgres: Postgres) -> BothZones:
    """One practice takes part."""
    return with_practices(make_both_zones(tmp_path, postgres), PRACTICE)


def with_practices(zones: BothZones, *codes: str) -> BothZones:
    policy = zones.root / f"policy of {len(codes)}"
    shutil.copytree(policy_folder(), policy)
    lines = (policy / "practices.csv").read_text().splitlines()
    kept = [line for line in lines if line.startswith(("practice_code", *codes))]
    (policy / "practices.csv").write_text("\n".join(kept) + "\n")
    return replace(zones, source=replace(zones.source, policy_folder=policy))


def night(zones: BothZones, number: int, rows: Rows, neighbours: Rows | None = None) -> None:
    """Practices deliver, records are collected and loaded."""
    write_extract(zones.source.incoming / PRACTICE, rows, NIGHTS[number])
    if neighbours is not None:
        write_extract(zones.source.incoming / NEIGHBOUR, neighbours, NIGHTS[number])
    assert zones.collect(NIGHTS[number]) == {}
    zones.load()


def uphold(zones: BothZones) -> list[dict]:
    zones.uphold()
    return zones.erase()


def rows_of(zones: BothZones, table: str) -> int:
    with psycopg.connect(psycopg_url(zones.central.store_url)) as connection:
        return connection.execute(f"SELECT count(*) FROM records.{table}").fetchone()[0]


def tokens_of(zones: BothZones, name: str, number: str | None, code: str = PRACTICE) -> dict[str, bytes]:
    """T1 and T2 of a person and registration, made here from the keys alone."""
    keys = load_keys(zones.source.keys, "gpdpr", 1)
    store = central_keys.store_subkey(zones.root / "keys" / "central")
    said = {"registration": (LOCAL_ID, f"{LOCAL_ID}\0{code}\0{guid(name).strip('{}')}")}
    if number:
        said["person"] = (NHS_NUMBER, f"{NHS_NUMBER}\0{number}")
    made = {}
    for what, (field, message) in said.items():
        made[f"{what} T1"] = digest(keys.token_keys[field], message)
        made[f"{what} T2"] = digest(store, made[f"{what} T1"].hex())
    return made


def digest(key: bytes, message: str) -> bytes:
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def everything_outside_the_source(zones: BothZones) -> Iterator[tuple[str, bytes]]:
    """Every file of the crossing and the centre, every sealed part opened, every row of the store."""
    secret = central_keys.recipient_key(zones.root / "keys" / "central")
    for path in sorted(zones.root.rglob("*")):
        where = path.relative_to(zones.root)
        if path.is_file() and where.parts[0] in ("crossing", "work", "receipts", "lineage", "register", "erasures"):
            yield str(where), path.read_bytes()
    central = zones.root / "keys" / "central"
    for folder in sorted(path.parent for path in (zones.root / "crossing").glob("[!.]*/manifest.json")):
        manifest = read_signed_manifest(folder, central)
        if list(folder.glob("part-*")):
            stripped = partial(read_stripped, folder, manifest, central)
            for table, rows in opened_rows(folder, manifest, secret, stripped=stripped):
                yield f"{folder.name} {table}", repr(rows.to_pylist()).encode() + b"".join(raw_tokens(rows))
    yield "the store", "\n".join(zones.text_of_store()).encode()


def raw_tokens(rows) -> Iterator[bytes]:
    for name in rows.column_names:
        if name.endswith("_token"):
            yield from (value for value in rows[name].to_pylist() if value)


def found(zones: BothZones, tokens: dict[str, bytes]) -> set[tuple[str, str]]:
    """Which token stands where, as bytes, hexadecimal or a UUID."""
    hits = set()
    for where, content in everything_outside_the_source(zones):
        lower = content.lower()
        for what, token in tokens.items():
            text = token.hex()
            uuid = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
            if token in content or text.encode() in lower or uuid.encode() in lower:
                hits.add((where.split(" ")[-1] if " " in where else Path(where).parts[0], what))
    return hits


@pytest.mark.fault(
    "F23",
    injected="a dissent arrives after the parcel has left",
    happened="erased from store, releases and sealed parcels, and certified",
)
def test_who_opts_out_later_is_gone_from_everywhere_and_nobody_else_is(zones: BothZones) -> None:
    night(zones, 0, EVERYBODY)
    tokens = tokens_of(zones, "anne", ANNES_NUMBER)
    before = found(zones, tokens)
    assert {("store", "registration T2"), ("store", "person T2"), ("patient", "person T1")} <= before
    night(zones, 1, NO)
    (said,) = uphold(zones)
    assert said["state"] == "applied"
    assert found(zones, tokens) == set()
    assert (rows_of(zones, "patient"), rows_of(zones, "observation"), rows_of(zones, "problem")) == (2, OTHERS, 0)
    certificates = list((zones.root / "receipts").glob("*.certificate.json"))
    assert len(certificates) == 1
    assert not re.search(r"\bT[12]\b", certificates[0].read_text())
    assert uphold(zones) == []


def test_the_books_still_balance(zones: BothZones) -> None:
    from central_zone import reconcile

    night(zones, 0, EVERYBODY)
    night(zones, 1, NO)
    uphold(zones)
    reconcile.count_rows("gpdpr", zones.central)
    with psycopg.connect(psycopg_url(zones.central.store_url)) as connection:
        differing = connection.execute("SELECT rows_counted FROM ledger.parcel ORDER BY sequence").fetchall()
    assert differing == [({},), ({},)]


def test_a_parcel_that_was_not_loaded_yet_brings_nobody_back(zones: BothZones) -> None:
    """It left before the opt-out, and is loaded after the erasure."""
    write_extract(zones.source.incoming / PRACTICE, EVERYBODY, NIGHTS[0])
    zones.collect(NIGHTS[0])
    write_extract(zones.source.incoming / PRACTICE, NO, NIGHTS[1])
    zones.collect(NIGHTS[1])
    uphold(zones)
    zones.load()
    assert (rows_of(zones, "patient"), rows_of(zones, "observation")) == (2, OTHERS)
    assert found(zones, tokens_of(zones, "anne", ANNES_NUMBER)) == set()


def test_who_opts_in_again_is_back_whole(zones: BothZones) -> None:
    night(zones, 0, EVERYBODY)
    before = (rows_of(zones, "patient"), rows_of(zones, "observation"), rows_of(zones, "problem"))
    night(zones, 1, NO)
    uphold(zones)
    night(zones, 2, YES)
    assert rows_of(zones, "patient") == 2
    assert zones.uphold()["sent_again"] == 1
    zones.load()
    consents = 2  # the objection and its withdrawal are part of the record
    after = (rows_of(zones, "patient"), rows_of(zones, "observation"), rows_of(zones, "problem"))
    assert after == (before[0], before[1] + consents, before[2])
    night(zones, 3, {"CareRecord_Observation": [an_observation("anne", "again")]})
    assert rows_of(zones, "observation") == after[1] + 1


def test_an_objection_at_one_practice_reaches_the_same_persons_records_from_another(zones: BothZones) -> None:
    """Who moved from one supplier to another and opts out there is not to stay with the old one."""
    zones = with_practices(zones, PRACTICE, NEIGHBOUR)
    moved = {
        "Admin_Patient": [a_patient("anne elsewhere", NhsNumber=ANNES_NUMBER)],
        "CareRecord_Observation": [an_observation("anne elsewhere", "measles")],
    }
    night(zones, 0, EVERYBODY, moved)
    no = {"CareRecord_Observation": [an_observation("anne elsewhere", "never", "2", EffectiveDate="2026-09-02")]}
    night(zones, 1, NOTHING, no)
    uphold(zones)
    here, there = (tokens_of(zones, "anne", ANNES_NUMBER), tokens_of(zones, "anne elsewhere", ANNES_NUMBER, NEIGHBOUR))
    assert found(zones, here | {f"there {name}": token for name, token in there.items()}) == set()
    assert rows_of(zones, "patient") == 2
    night(zones, 2, {"CareRecord_Observation": [an_observation("anne", "one more")]}, NOTHING)
    assert rows_of(zones, "observation") == OTHERS


def test_the_register_tells_of_it_without_a_small_number(zones: BothZones) -> None:
    night(zones, 0, EVERYBODY)
    night(zones, 1, NO)
    uphold(zones)
    zones.publish()
    told = json.loads((zones.root / "register" / "register.json").read_text())
    assert "erased" in json.dumps(told)
