"""What must hold of both zones after anything that can happen to a process: I1 to I8, looked at in the store and on the disk.

1 the ledger has every parcel once; 2 rows add up; 3 the store is what the sealed parcels say; 4 the audit chain is whole and tells
of each parcel once; 5 nobody who opted out is there; 6 no identifier is anywhere past the source; 7 every parcel ended, and was
answered; 8 nothing of a run is left lying about.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from psycopg import sql

from central_zone import keys
from central_zone.chain.verify import verify
from central_zone.settings import Settings as CentralSettings
from crossing import answers
from crossing.canonical import BRIDGE, NOTICES, TABLES
from leak_search.needles import Needle, needles_for
from leak_search.search import search
from leak_search.surfaces import Folder, Kept, Surface
from source_zone.settings import Settings as SourceSettings
from support.postgres import psycopg_url
from support.sealed_oracle import Opened

ENDED = ("loaded", "compared", "held", "refused")
_WITHOUT_RECEIPT = ("held",)  # a steward is asked, and the practice is answered then
# Everything that may lie in each zone when no run is under way, by its place below the zone's folder.
_OF_SOURCE = (
    r"memory/[a-z]+/[A-Z][0-9]{5}/(memory\.sealed|lock|outcome\.json|ids/\d{6}\.sealed)",
    r"landing/\.left/[a-z]+/[A-Z][0-9]{5}(\.[a-z_]+)?",
    r"lineage/lineage-[0-9-]+\.jsonl",
)
_PARCEL = r"[0-9a-f-]{36}/(manifest\.json|manifest\.sig|manifest\.mldsa65\.sig|part-\d{5}\.hpke|stripped\.json)"
_OF_CENTRE = (
    rf"inbox/{_PARCEL}",
    r"receipts/[0-9a-f-]{36}\.(receipt|supplement|certificate)\.json",
    r"receipts/audit-checkpoints\.jsonl",
    r"register/audit-checkpoint\.txt",
    r"erasures/erasures\.jsonl",
    r"lineage/lineage-[0-9-]+\.jsonl",
    r"register/(index\.html|feed\.atom|register\.json|register\.csv)",
)


class World(Protocol):
    """Both zones at rest, and what is known of them from outside."""

    @property
    def root(self) -> Path: ...
    @property
    def source(self) -> SourceSettings: ...
    @property
    def central(self) -> CentralSettings: ...
    @property
    def archive(self) -> Path:
        """A copy of every parcel as it left."""

    def must_not_be_there(self) -> set[bytes]:
        """Store's tokens (T2) of registrations and people who opted out, whatever key they were made under."""

    def identifiers(self) -> Mapping[str, str]:
        """What identifies the people, by label."""


def check_invariants(world: World, *, searched: bool = True) -> dict[str, int]:
    """Raises AssertionError naming the invariant. Answers how much was looked at. `searched=False` leaves the leak search out."""
    opened = Opened(world.archive, world.central.keys_folder).read()
    with psycopg.connect(psycopg_url(world.central.store_url)) as connection:
        _1_every_parcel_is_in_the_ledger_once(connection, opened)
        rows = _2_rows_add_up(connection, opened)
        _3_the_store_is_what_the_parcels_say(connection, opened, world.central.keys_folder)
        _4_the_audit_chain_tells_of_each_once(connection, world.central)
        whole = _5_nobody_who_opted_out(connection, world)
        _7_every_parcel_ended_and_was_answered(connection, world.central)
    if searched:
        _6_no_identifier_past_the_source(world, whole)
    _8_nothing_is_left_lying_about(world)
    return {"parcels": len(opened.manifests), "rows": rows}


def _asked(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()  # type: ignore[arg-type]


def _1_every_parcel_is_in_the_ledger_once(connection: psycopg.Connection, opened: Opened) -> None:
    left = Counter(
        (str(each.extract_kind in NOTICES), each.parcel_id, each.sha256()) for each in opened.manifests.values()
    )
    there = Counter((kind, str(parcel), sha256) for kind, parcel, sha256 in _asked(connection, _LEDGER))
    assert there == left, f"I1: the ledger lacks {dict(left - there)} and has besides {dict(there - left)}"


_LEDGER = """
SELECT 'False', parcel_id, manifest_sha256 FROM ledger.parcel UNION ALL
SELECT 'True', parcel_id, manifest_sha256 FROM ledger.notice
"""


def _2_rows_add_up(connection: psycopg.Connection, opened: Opened) -> int:
    """Sent = stored + quarantined + erased, of every table of every parcel that is loaded; and no row is of any other."""
    stored = _counted(connection, " UNION ALL ".join(_COUNT.format(table) for table in TABLES))
    quarantined = _counted(connection, _QUARANTINED)
    for parcel, state, erased in _asked(connection, "SELECT parcel_id, state, rows_erased FROM ledger.parcel"):
        manifest = opened.manifests[str(parcel)]
        if manifest.extract_kind == BRIDGE:
            continue
        for table, counts in manifest.counts["tables"].items():
            here = str(parcel), table
            found = stored.pop(here, 0) + quarantined.get(here, 0) + int(erased.get(table, 0))
            expected = counts["sent"] if state == "loaded" else 0
            assert found == expected, (
                f"I2: {state} {manifest.extract_kind} {manifest.sequence} of {manifest.practice_code}, {table}"
            )
    assert not stored, f"I2: rows of parcels that are not loaded: {stored}"
    return sum(1 for _ in _asked(connection, "SELECT FROM ledger.parcel"))


_COUNT = (
    "SELECT p.parcel_id, '{0}', count(*) FROM records.{0} LEFT JOIN ledger.parcel AS p USING (parcel_number) GROUP BY 1"
)
_QUARANTINED = """
SELECT p.parcel_id, q.table_name, count(DISTINCT q.record_token) FROM quarantine.row AS q
JOIN ledger.parcel AS p USING (parcel_number) LEFT JOIN quarantine.decision AS d USING (decision_number)
WHERE d.outcome IS DISTINCT FROM 'released' GROUP BY 1, 2
"""


def _counted(connection: psycopg.Connection, query: str) -> dict[tuple[str, str], int]:
    return {(str(parcel), table): number for parcel, table, number in _asked(connection, query)}


def _3_the_store_is_what_the_parcels_say(connection: psycopg.Connection, opened: Opened, central_keys: Path) -> None:
    expected = opened.store(central_keys)
    loaded = {str(each[0]) for each in _asked(connection, "SELECT parcel_id FROM ledger.parcel WHERE state = 'loaded'")}
    out = {(str(parcel), table, token.bytes) for parcel, table, token in _asked(connection, _KEPT_OUT)}
    for table in TABLES:
        columns = [column.name for column in TABLES[table]]
        token = columns.index("record_token") if "record_token" in columns else None
        there = _stored(connection, table, columns)
        for parcel in loaded:
            wanted = expected.get((parcel, table), Counter())
            if token is not None:
                wanted = Counter({row: n for row, n in wanted.items() if (parcel, table, row[token]) not in out})
            found = there.get(parcel, Counter())
            lost, more = (wanted - found).total(), (found - wanted).total()
            assert (lost, more) == (0, 0), f"I3: {table} of {parcel}: {lost} rows lost, {more} that no parcel brought"


_KEPT_OUT = """
SELECT p.parcel_id, q.table_name, q.record_token FROM quarantine.row AS q JOIN ledger.parcel AS p USING (parcel_number)
LEFT JOIN quarantine.decision AS d USING (decision_number) WHERE d.outcome IS DISTINCT FROM 'released'
"""


def _stored(connection: psycopg.Connection, table: str, columns: list[str]) -> dict[str, Counter[tuple[Any, ...]]]:
    names = sql.SQL(", ").join(sql.Identifier("r", name) for name in columns)
    query = sql.SQL("SELECT p.parcel_id, {} FROM {} AS r JOIN ledger.parcel AS p USING (parcel_number)")
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for parcel, *values in connection.execute(query.format(names, sql.Identifier("records", table))):
        row = tuple(value.bytes if isinstance(value, UUID) else value for value in values)
        found.setdefault(str(parcel), Counter())[row] += 1
    return found


def _4_the_audit_chain_tells_of_each_once(connection: psycopg.Connection, central: CentralSettings) -> None:
    verify(central)
    told = Counter((str(parcel), hash_) for parcel, hash_ in _asked(connection, _TOLD))
    entered = Counter((str(parcel), hash_) for parcel, hash_ in _asked(connection, _ENTERED))
    assert told == entered, f"I4: {dict(told - entered)} told and not in the ledger, {dict(entered - told)} not told"


_TOLD = """
SELECT coalesce(event ->> 'loaded', event ->> 'compared', event ->> 'bridged'), hash FROM audit.entry
WHERE event ?| array['loaded', 'compared', 'bridged']
"""
_ENTERED = "SELECT parcel_id, audit_hash FROM ledger.parcel WHERE state IN ('loaded', 'compared')"


def _5_nobody_who_opted_out(connection: psycopg.Connection, world: World) -> bytes:
    """In no table at all but one, nor in what is staged. Answers the whole store as text."""
    texts = {table: "\n".join(rows).encode() for table, rows in _texts_of_store(connection)}
    for token in world.must_not_be_there():
        for form in (str(UUID(bytes=token)).encode(), token.hex().encode()):
            there = [table for table, text in texts.items() if form in text and table != _UNTIL_THE_KEY_RETIRES]
            assert not there, f"I5: somebody who opted out is in {there}"
        for path in _files(world.central.work_folder):
            assert token not in path.read_bytes(), "I5: somebody who opted out is staged"
    return b"\n".join(texts.values())


# Without its pair nobody would know the person in a parcel under the old key, and could not hold them back (docs/keys-rotation.md).
_UNTIL_THE_KEY_RETIRES = "rotation.pair"


def _texts_of_store(connection: psycopg.Connection) -> Iterator[tuple[str, list[str]]]:
    """Of each table its rows."""
    tables = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_schema)' ORDER BY 1, 2"
    for schema, table in _asked(connection, tables):
        if re.fullmatch(r".*_\d+", table) is None or schema == "release":  # partitions are read as their table
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table)))
            yield f"{schema}.{table}", [row[0] for row in rows]


def _6_no_identifier_past_the_source(world: World, whole: bytes) -> None:
    surfaces: list[Surface] = [Kept("the store", [("every table", whole)])]
    for name in ("centre", "harness", "source/outbox", "source/lineage", "logs"):
        folder = world.root / name
        if any(_files(folder)):
            surfaces.append(Folder(name, folder, []))
    findings = search(_needles(tuple(sorted(world.identifiers().items()))), surfaces)
    assert findings.are_clean, "I6: " + "\n".join(findings.lines())


@cache
def _needles(identifiers: tuple[tuple[str, str], ...]) -> list[Needle]:
    return [needle for label, value in identifiers for needle in needles_for(label, value)]


def _7_every_parcel_ended_and_was_answered(connection: psycopg.Connection, central: CentralSettings) -> None:
    public = keys.receipt_signing_key(central.keys_folder).public_key()
    for parcel, state, sha256, head in _asked(
        connection, "SELECT parcel_id, state, manifest_sha256, audit_hash FROM ledger.parcel"
    ):
        assert state in ENDED, f"I7: {parcel} is {state}"
        if state not in _WITHOUT_RECEIPT:
            said = _answer(central, f"{parcel}.receipt.json", answers.RECEIPT, public)
            assert said == (state, sha256, head), f"I7: the receipt of {parcel} says otherwise than the ledger"
    for parcel, kind, applied, sha256, head in _asked(connection, _NOTICES):
        assert applied, f"I7: notice {parcel} is not applied"
        if kind == "erasure":
            said = _answer(central, f"{parcel}.certificate.json", answers.CERTIFICATE, public)
            assert said[1:] == (sha256, head), f"I7: the certificate of {parcel} says otherwise than the ledger"


_NOTICES = "SELECT parcel_id, kind, applied_at IS NOT NULL, manifest_sha256, audit_hash FROM ledger.notice"


def _answer(central: CentralSettings, name: str, kind: str, public: Ed25519PublicKey) -> tuple[Any, Any, Any]:
    path = central.receipts_folder / name
    assert path.exists(), f"I7: there is no {name}"
    signed = answers.read_answer(path.read_bytes(), kind, name)
    public.verify(signed.signature, answers.bytes_to_sign(signed.content, answers.PAYLOAD_TYPES[kind]))
    return signed.content.get("outcome"), signed.content["manifest_sha256"], signed.content["audit_head"]


def _8_nothing_is_left_lying_about(world: World) -> None:
    for folder, known in (("source", _OF_SOURCE), ("centre", _OF_CENTRE)):
        for path in _files(world.root / folder):
            place = str(path.relative_to(world.root / folder))
            assert any(re.fullmatch(each, place) for each in known), f"I8: {folder} holds {place}"
    for folder in (world.source.spool, world.source.outbox, world.central.work_folder):
        empty = [
            path
            for path in folder.rglob("*")
            if path.is_dir() and not re.fullmatch(r"[A-Z]\d{5}|\.re_extract|[a-z]+", path.name)
        ]
        assert not empty, f"I8: {folder.name} holds {len(empty)} folders of runs that ended"


def _files(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.rglob("*")) if path.is_file())
