"""The ledger against the audit chain: each thing that was done has its entry, and each entry what it speaks of."""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from central_zone.errors import AuditBroken

_NAMED = 5  # of each kind, in the line of an error
# A parcel's entry is of that parcel, of the manifest it was loaded from, and counts the rows that the ledger counts.
_PARCELS = """
SELECT 'parcel ' || parcel.sequence || ' of ' || parcel.practice_code || ' is ' || parcel.state || ', and its audit entry '
  || CASE WHEN entry.seq IS NULL THEN 'is not in the chain' ELSE entry.seq || ' does not say so' END AS said
FROM ledger.parcel LEFT JOIN audit.entry ON entry.hash = parcel.audit_hash
WHERE parcel.state IN ('loaded', 'compared', 'refused', 'approved') AND NOT coalesce(
  CASE parcel.state
    WHEN 'loaded' THEN coalesce(entry.event ->> 'loaded', entry.event ->> 'bridged') = parcel.parcel_id::text
      AND entry.event ->> 'manifest_sha256' = parcel.manifest_sha256
      AND (entry.event ? 'bridged' OR entry.event -> 'rows' = parcel.rows_loaded)
    WHEN 'compared' THEN entry.event ->> 'compared' = parcel.parcel_id::text
      AND entry.event ->> 'manifest_sha256' = parcel.manifest_sha256
    WHEN 'approved' THEN entry.event ->> 'decided' = parcel.parcel_id::text
    ELSE coalesce(entry.event ->> 'refused', entry.event ->> 'decided') = parcel.parcel_id::text
  END, false)
"""
# Which word of an event says what was done, and the table whose row bears the entry's hash.
_PARCELS_WERE = {
    "loaded": "loaded",
    "bridged": "loaded",
    "compared": "compared",
}  # and the state that it gave the parcel
_BEARERS = {
    **dict.fromkeys(_PARCELS_WERE, "ledger.parcel"),
    "skipped": "ledger.skipped_place",
    "quarantine_decided": "quarantine.decision",
    "erasure_completed": "ledger.notice",
    "released": "release.disclosure",
    "reidentified": "custody.case",
    "retired": "rotation.retired",
}
_HAS_NO_ROW = """
SELECT 'entry ' || entry.seq || ' says {word}, and {table} has no such row' AS said FROM audit.entry
WHERE entry.event ? '{word}' AND NOT EXISTS (SELECT FROM {table} AS bearer WHERE bearer.audit_hash = entry.hash{as_it_was})
"""
_HAS_NO_ENTRY = """
SELECT 'a row of {table} names an audit entry that is not in the chain' AS said FROM {table} AS bearer
WHERE bearer.audit_hash IS NOT NULL AND NOT EXISTS (SELECT FROM audit.entry WHERE entry.hash = bearer.audit_hash)
"""
_BATCHES = """
SELECT 'entry ' || entry.seq || ' says erased, and erasure.batch has no such row' AS said FROM audit.entry
WHERE entry.event ? 'erased' AND NOT EXISTS (
  SELECT FROM erasure.batch
  WHERE batch.notice_id = (entry.event ->> 'erased')::uuid AND batch.batch = (entry.event ->> 'batch')::int
)
"""
_REFUSALS = """
SELECT 'the ledger has ' || coalesce(noted.times, 0) || ' refusals of a folder, and the audit chain '
  || coalesce(audited.times, 0) AS said
FROM (SELECT folder_name, count(*) AS times FROM ledger.refusal GROUP BY 1) AS noted
FULL JOIN (
  SELECT event ->> 'refused' AS folder_name, count(*) AS times FROM audit.entry
  WHERE event ? 'refused' AND event ? 'error' GROUP BY 1
) AS audited USING (folder_name)
WHERE noted.times IS DISTINCT FROM audited.times
"""


def check_ledger(connection: Connection) -> None:
    """Raises AuditBroken, naming the first of what differs."""
    found = list(_differences(connection))
    if found:
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise AuditBroken(
            f"The ledger and the audit chain differ: {'; '.join(found[:_NAMED])}{more}. Stop loading and leave the server "
            "as it is: docs/runbook.md, The audit chain does not hold."
        )


def _differences(connection: Connection) -> Iterator[str]:
    for statement in _statements():
        yield from connection.scalars(text(statement))


def _statements() -> Iterator[str]:
    yield from (_PARCELS, _BATCHES, _REFUSALS)
    for word, table in _BEARERS.items():
        as_it_was = f" AND bearer.state = '{_PARCELS_WERE[word]}'" if word in _PARCELS_WERE else ""
        yield _HAS_NO_ROW.format(word=word, table=table, as_it_was=as_it_was)
    for table in dict.fromkeys(("custody.refused_case", *_BEARERS.values())):
        if table != "ledger.parcel":
            yield _HAS_NO_ENTRY.format(table=table)
