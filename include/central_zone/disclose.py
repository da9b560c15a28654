"""What is written down of a release: one row with exact counts, an audit entry, and lineage. All in its transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert

from central_zone import SOFTWARE, audit
from central_zone.cohort import Cohort
from central_zone.register.data_use import DataUse
from central_zone.register.national_decision import NationalDecision
from central_zone.store.lineage_tables import outbox
from central_zone.store.release_tables import disclosure, released_table
from crossing.lineage import counts_facet, input_dataset, output_dataset, run_event

_COUNTS = (
    "persons_checked",
    "excluded_opted_out",
    "excluded_no_valid_number",
    "excluded_no_current_check",
    "persons_released",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A release as it was made."""

    use: DataUse
    opt_out: NationalDecision
    legal_gateway: str
    at: datetime
    cohort: Cohort
    rows: dict[str, int]  # by canonical table
    project_key: str  # its published label
    project_key_version: int
    policy_sha256: dict[str, str]

    def counts(self) -> dict[str, int]:
        return {name: getattr(self.cohort, name) for name in _COUNTS}


def disclose(connection: Connection, released: Released) -> int:
    """The number of the disclosure. Last in its transaction: it queues for the audit chain."""
    connection.execute(insert(outbox).values(event=_lineage(released)))
    head = audit.append(connection, actor=audit.LOADER, event=_audited(released))
    number: int = connection.execute(
        insert(disclosure).values(**_row(released), audit_hash=head).returning(disclosure.c.disclosure_id)
    ).scalar_one()
    tables = [{"use_id": released.use.id, "table_name": table} for table in released.rows]
    version = {"disclosure_id": number, "project_key_version": released.project_key_version}
    connection.execute(insert(released_table), [{**table, **version} for table in tables])
    return number


def _row(released: Released) -> dict[str, Any]:
    evidence = released.opt_out.evidence
    return {
        "use_id": released.use.id,
        "collection": released.use.collection,
        "released_at": released.at,
        "decision": released.opt_out.decision,
        "reason": released.opt_out.reason,
        "evidence": evidence.as_dict() if evidence else None,
        "legal_gateway": released.legal_gateway,
        "oldest_check": released.cohort.oldest_check,
        "relies_until": released.cohort.relies_until,
        "practices": released.cohort.practices,
        "practices_without_check": list(released.cohort.practices_without_check),
        "rows_released": released.rows,
        "project_key": released.project_key,
        "policy_sha256": released.policy_sha256,
        **released.counts(),
    }


def _audited(released: Released) -> dict[str, Any]:
    return {
        "released": released.use.id,
        "decision": released.opt_out.decision,
        "reason": released.opt_out.reason or "",
        "counts": released.counts(),
        "rows": released.rows,
        "project_key": released.project_key,
    }


def _lineage(released: Released) -> dict[str, Any]:
    """Events leave for systems of others, so they say how many rows, and not how many people stayed out."""
    return run_event(
        job=f"release.{released.use.id}",
        run_id=str(uuid4()),
        at=released.at,
        inputs=[input_dataset(f"records.{table}") for table in released.rows],
        outputs=[output_dataset(f"release.{released.use.id}__{table}", rows=n) for table, n in released.rows.items()],
        facets=counts_facet(
            counts={"released": released.rows, "national_data_opt_out": released.opt_out.decision},
            policy_sha256=released.policy_sha256,
            key_version=f"project-v{released.project_key_version}",
            software=SOFTWARE,
        ),
    )
