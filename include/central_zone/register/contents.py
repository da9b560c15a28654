"""What the register says, as plain data: the pages, the feed and the tables are all made from this and from nothing else."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time
from typing import Any

from central_zone.expectations.rules import RuleBook
from central_zone.register.data_use import FIELDS, DataUse
from central_zone.register.disclosure_control import controlled
from central_zone.register.read_ledger import AuditHead, Ledger, ParcelRun, Restore
from central_zone.register.reidentification import reidentification
from central_zone.register.releases import decision_as_published, erased, releases
from central_zone.register.rows import rows_decided, rows_loaded, rows_quarantined
from crossing.canonical import BRIDGE
from crossing.manifest_fields import RE_EXTRACT
from crossing.policy import Collection
from crossing.reasons import REASONS_IN_WORDS

TITLE = "GP Collect: public register"
_DAYS_IN_THE_FEED = 60
# Parcels that can be of a single person, who opted in again, say: two builds of the register, one before and one after, would
# tell at which practice, and exactly how many records they have. They are in no figure. Nor is a change of key: it brings no record.
_OF_VERY_FEW = frozenset({RE_EXTRACT, BRIDGE})


def contents(
    ledger: Ledger,
    *,
    collections: Sequence[Collection],
    uses: Sequence[DataUse],
    book: RuleBook,
    purposes: Mapping[str, str],
) -> dict[str, Any]:
    """Everything the register publishes. Counts of people are already controlled; times come from the ledger alone."""
    ledger = replace(ledger, parcels=tuple(run for run in ledger.parcels if run.extract_kind not in _OF_VERY_FEW))
    return {
        "title": TITLE,
        "updated": _updated(ledger, uses, collections),
        "audit_head": _audit_head(ledger),
        "restores": [_restore(each) for each in ledger.restores],
        "refused_unread": ledger.parcels_refused_unread,
        "collections": [_collection(collection, ledger, uses, book) for collection in collections],
        "data_uses": [use_as_published(use) for use in uses],
        "releases": releases(ledger.disclosures, uses),
        "reidentification": reidentification(ledger.cases, ledger.refused_cases, ledger.audit_head, purposes),
        "days": _days(ledger.parcels),
        "reasons_in_words": REASONS_IN_WORDS,
    }


def _updated(ledger: Ledger, uses: Sequence[DataUse], collections: Sequence[Collection]) -> str:
    """The latest change of anything here; never the time of building, so that building again changes nothing."""
    days = [date.fromisoformat(use.fields["latest_approval_date"]) for use in uses]
    days += [collection.start_date for collection in collections]
    instants = [datetime.combine(day, time(), UTC) for day in days]
    instants += [run.loaded_at or run.received_at for run in ledger.parcels]
    instants += [each.released_at for each in ledger.disclosures]
    instants += [ledger.audit_head.at] if ledger.audit_head else []
    return _instant(max(instants))


def _audit_head(ledger: Ledger) -> dict[str, Any] | None:
    head = ledger.audit_head
    return {"entry": head.seq, "at": _instant(head.at), "sha256": head.hash} if head else None


def _restore(each: Restore) -> dict[str, Any]:
    event = each.event
    counts = {name: event[name] for name in ("witnesses_lost", "parcels_lost", "releases_lost", "reason")}
    return {
        "entry": each.seq,
        "at": _instant(each.at),
        "by": each.actor,
        "after_entry": event["restored_from"],
        **counts,
    }


def use_as_published(use: DataUse) -> dict[str, Any]:
    """The entry of one use, as register.json has it."""
    return {
        "id": use.id,
        "kind": use.kind,
        "collection": use.collection,
        "status": use.status,
        "opt_outs_in_words": use.opt_outs_in_words,
        "national_data_opt_out": decision_as_published(use.opt_out),
        "released_columns": {table: list(columns) for table, columns in use.safes.tables.items()} if use.safes else {},
        "released_layout": use.safes.layout if use.safes else None,
        "fields": {FIELDS[key]: value for key, value in use.fields.items()},
    }


def _collection(collection: Collection, ledger: Ledger, uses: Sequence[DataUse], book: RuleBook) -> dict[str, Any]:
    runs = [run for run in ledger.parcels if run.collection == collection.id]
    loaded = [run for run in runs if run.state == "loaded"]
    entry = next((use for use in uses if use.kind == "collection" and use.collection == collection.id), None)
    return {
        "id": collection.id,
        "title": collection.title,
        "status": collection.status,
        "legal_basis": collection.legal_basis,
        "synthetic_only": collection.synthetic_only,
        "in_scope_from": collection.start_date.isoformat(),
        "opt_outs_in_words": entry.opt_outs_in_words if entry else "",
        "collected": list(entry.collected) if entry else [],
        "never_collected": list(entry.never_collected) if entry else [],
        "last_loaded_at": _latest(run.loaded_at for run in loaded),
        "parcels": dict(sorted(Counter(run.state for run in runs).items())),
        "practices": _practices(runs),
        "rows_loaded": rows_loaded(loaded),
        "rows_quarantined": rows_quarantined(loaded, book),
        "rows_decided": rows_decided(loaded),
        "people": _people(loaded, ledger.audit_head),
        "erased": erased(ledger.erasures, collection.id, ledger.audit_head),
        "applied": _applied(loaded),
    }


def _practices(runs: Iterable[ParcelRun]) -> list[dict[str, Any]]:
    by_practice: defaultdict[str, list[ParcelRun]] = defaultdict(list)
    for run in runs:
        by_practice[run.practice_code].append(run)
    return [_practice(code, of_practice) for code, of_practice in sorted(by_practice.items())]


def _practice(code: str, runs: Sequence[ParcelRun]) -> dict[str, Any]:
    latest = max(runs, key=lambda run: (run.sequence, run.received_at))
    loaded = [run for run in runs if run.state == "loaded"]
    return {
        "practice_code": code,
        "synthetic": latest.synthetic,
        "format": latest.supplier_format,
        "parcels_loaded": len(loaded),
        "latest_extract_at": _latest(run.extract_taken_at for run in runs),
        "last_loaded_at": _latest(run.loaded_at for run in loaded),
        "latest_state": latest.state,
    }


def _people(loaded: Sequence[ParcelRun], head: AuditHead | None) -> list[dict[str, Any]]:
    """People by calendar month, from each practice's first parcel of the month and never per night; only months that are
    over by the audit trail's own time.

    Figures of two nights, subtracted, would tell who opted out in between; those of a month that still goes on would tell
    them of each practice that is added.
    """
    this_month = _instant(head.at)[:7] if head else ""
    first: dict[tuple[str, str], ParcelRun] = {}
    for run in sorted(loaded, key=lambda run: run.sequence):
        if (month := _instant(run.extract_taken_at)[:7]) < this_month:
            first.setdefault((month, run.practice_code), run)
    months: defaultdict[str, list[ParcelRun]] = defaultdict(list)
    for (month, _), run in first.items():
        months[month].append(run)
    return [_people_of_month(month, runs) for month, runs in sorted(months.items(), reverse=True)]


def _people_of_month(month: str, runs: Sequence[ParcelRun]) -> dict[str, Any]:
    patients: Counter[str] = Counter()
    records: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    retired: Counter[str] = Counter()
    for run in runs:
        retired.update(run.manifest["counts"].get("retired_objections", {}))  # parcels of an earlier version have none
        patients.update(run.manifest["counts"]["patients_held_back"])
        for table in run.manifest["counts"]["tables"].values():
            records.update(table["held_back"])
            faulty.update(table["quarantined"])
    sent = sum(run.manifest["counts"]["patients_may_leave"] for run in runs)
    return {
        "month": month,
        "practices": len(runs),
        "sent": asdict(controlled(sent, practices=len(runs))),
        "held_back": _all_controlled(patients, len(runs)),
        "records_held_back": _all_controlled(records, len(runs)),
        "records_faulty_at_practice": _all_controlled(faulty, len(runs)),
        "retired_objections": _all_controlled(retired, len(runs)),
    }


def _all_controlled(counts: Counter[str], practices: int) -> dict[str, Any]:
    return {reason: asdict(controlled(count, practices=practices)) for reason, count in sorted(counts.items())}


def _applied(loaded: Sequence[ParcelRun]) -> dict[str, Any]:
    """The rules, code lists, keys and software that were really applied, from each practice's latest manifest."""
    latest = {run.practice_code: run.manifest for run in sorted(loaded, key=lambda run: run.sequence)}
    files: Counter[tuple[str, str]] = Counter()
    for manifest in latest.values():
        files.update(manifest["policy_sha256"].items())
    return {
        "policy": [{"file": file, "sha256": sha, "practices": n} for (file, sha), n in sorted(files.items())],
        "schema_sha256": sorted({manifest["schema_sha256"] for manifest in latest.values()}),
        "token_keys": sorted({manifest["token_key"] for manifest in latest.values()}),
        "software": sorted({manifest["software"] for manifest in latest.values()}),
    }


def _days(runs: Iterable[ParcelRun]) -> list[dict[str, Any]]:
    """For the feed: each day on which something was loaded, newest first."""
    by_day: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for run in runs:
        if run.loaded_at is not None:
            by_day[_instant(run.loaded_at)[:10], run.collection].append(run.loaded_at)
    return [
        {"day": day, "collection": collection, "parcels": len(instants), "updated": _latest(instants)}
        for (day, collection), instants in sorted(by_day.items(), reverse=True)[:_DAYS_IN_THE_FEED]
    ]


def _latest(instants: Iterable[datetime | None]) -> str | None:
    known = [instant for instant in instants if instant is not None]
    return _instant(max(known)) if known else None


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
