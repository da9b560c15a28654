"""Every step says what it did: one OpenLineage event a practice and step, with counts by reason and the rules' hashes."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from crossing.errors import without_panics
from crossing.lineage import append_event, counts_facet, input_dataset, output_dataset, run_event
from source_zone import SOFTWARE
from source_zone.release import Release

Counts = dict[str, Any]
Step = Callable[[Release], Counts]
_COUNTED = (
    "rows",
    "may_leave",
    "held_back",
    "read",
    "sent",
    "quarantined",
    "patients_may_leave",
    "patients_held_back",
    "state",
)


def with_lineage(name: str) -> Callable[[Step], Step]:
    """The step, with an event when it ends well and one when it does not. Without a lineage folder, nothing is written."""

    def decorate(step: Step) -> Step:
        @wraps(step)
        def stepped(release: Release) -> Counts:
            try:
                with without_panics():
                    counts = step(release)
            except Exception as error:  # whatever it is, it is noted by its kind and goes on up
                _append(release, name, {"state": type(error).__name__}, "FAIL")
                raise
            _append(release, name, counts, "COMPLETE")
            return counts

        return stepped

    return decorate


def _append(release: Release, step: str, counts: Counts, event_type: str) -> None:
    if release.settings.lineage is None:
        return
    practice, collection = release.practice.practice_code, release.rules.collection.id
    sent = counts.get("sent_by_parcel", {})
    parcels = [output_dataset(f"parcel.{each}", rows=rows) for each, rows in sent.items()]
    event = run_event(
        job=f"{collection}.source.{step}",
        run_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{release.run_id}|{practice}|{step}")),
        at=datetime.now(UTC),
        inputs=[input_dataset(f"practice.{practice}", version=each) for each in counts.get("extracts", [])],
        outputs=parcels,
        facets=counts_facet(
            counts={"practice_code": practice, **{name: counts[name] for name in _COUNTED if name in counts}},
            policy_sha256=release.policy.sha256,
            key_version=counts.get("token_key", release.keys.token_key_name),
            software=SOFTWARE,
        ),
        event_type=event_type,
    )
    append_event(release.settings.lineage, event)
