"""What the audit chain and the lineage are told of one load: counts, hashes and codes."""

from typing import Any

from central_zone import quarantine
from central_zone.ledger import Entry
from central_zone.staged import KeptVerdict
from central_zone.zone import Zone
from crossing.lineage import counts_facet, input_dataset, output_dataset, run_event
from crossing.manifest_fields import RECON


def audit_event(entry: Entry, loaded: dict[str, int], erased: dict[str, int]) -> dict[str, Any]:
    """`loaded` and `erased`: rows by table."""
    return {
        ("compared" if entry.extract_kind == RECON else "loaded"): entry.parcel_id,
        "practice_code": entry.practice_code,
        "sequence": entry.sequence,
        "manifest_sha256": entry.manifest_sha256,
        "rows": loaded,
        **({"rows_erased": erased} if erased else {}),
    }


def lineage_event(
    zone: Zone, entry: Entry, manifest: dict[str, Any], verdict: KeptVerdict, loaded: dict[str, int]
) -> dict[str, Any]:
    """An OpenLineage event: the parcel in, tables with their rows out, and under which rules."""
    rules = {**manifest["policy_sha256"], "expectations": verdict.facts["suite_sha256"]}
    return run_event(
        job=f"load.{entry.collection}",
        run_id=entry.parcel_id,
        at=zone.now(),
        inputs=[input_dataset(f"parcel/{entry.practice_code}/{entry.sequence}", version=entry.manifest_sha256)],
        outputs=[output_dataset(f"records.{table}", rows=rows) for table, rows in loaded.items()],
        facets=counts_facet(
            counts={"loaded": loaded, "quarantined": quarantine.counts(verdict.failed_rows)},
            policy_sha256=rules,
            key_version=manifest["token_key"],
            software=manifest["software"],
        ),
    )
