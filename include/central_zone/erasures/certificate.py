"""The certificate of an erasure: what went, signed, for the practice. Given again, it has the same bytes. No tokens."""

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from central_zone import keys
from central_zone.erasures.batch import marks_kept
from central_zone.folders import usable
from central_zone.receipts import give_durably
from central_zone.store.erasure_tables import batch
from central_zone.zone import Zone
from crossing import answers
from crossing.manifest import Manifest, canonical_json

PAYLOAD_TYPE = answers.PAYLOAD_TYPES[answers.CERTIFICATE]


def counts(connection: Connection, manifest: Manifest) -> dict[str, Any]:
    """The sums of a notice's batches."""
    rows = connection.execute(select(batch).where(batch.c.notice_id == UUID(manifest.parcel_id))).all()
    by_table: dict[str, int] = {}
    for row in rows:
        for table, erased in row.rows_erased.items():
            by_table[table] = by_table.get(table, 0) + erased
    return {
        "people": sum(row.people for row in rows),
        "registrations": sum(row.registrations for row in rows),
        "practices": len({code for row in rows for code in row.practices}),
        "rows_erased": dict(sorted(by_table.items())),
        "rows_out_of_quarantine": sum(row.rows_out_of_quarantine for row in rows),
        "rows_out_of_release": sum(row.rows_out_of_release for row in rows),
        "marks": marks_kept(connection, manifest.collection, manifest.practice_code, manifest.sequence),
        "batches": len(rows),
    }


def certificate_of(manifest: Manifest, outcome: dict[str, Any], audit_hash: str) -> dict[str, Any]:
    return {
        "notice": manifest.parcel_id,
        "manifest_sha256": manifest.sha256(),
        "collection": manifest.collection,
        "practice_code": manifest.practice_code,
        **outcome,
        "audit_head": audit_hash,
    }


def bytes_to_sign(certificate: dict[str, Any]) -> bytes:
    """What the signature of a certificate covers."""
    return answers.bytes_to_sign(certificate, PAYLOAD_TYPE)


def give(zone: Zone, manifest: Manifest, outcome: dict[str, Any], audit_hash: str) -> None:
    """Writes `<notice id>.certificate.json`: the certificate, the key's name and an Ed25519 signature in hexadecimal."""
    certificate = certificate_of(manifest, outcome, audit_hash)
    signature = keys.receipt_signing_key(zone.settings.keys_folder).sign(bytes_to_sign(certificate)).hex()
    signed = {"certificate": certificate, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature}
    with usable("GP_RECEIPTS_DIR"):
        folder = zone.settings.receipts_folder
        folder.mkdir(parents=True, exist_ok=True)
        give_durably(folder / f"{manifest.parcel_id}.certificate.json", canonical_json(signed))
