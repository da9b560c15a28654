"""Small GPDPR 0.77 files, written attribute by attribute: only what a test says is filled in."""

import gzip
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

NAMESPACE = "http://www.nhsdigital.nhs.uk/GPDFSU/XMLSchema/GPDataExtract/ns"
PRACTICE = "Y99001"
NIGHT_ONE, NIGHT_TWO, NIGHT_THREE = "20260902010000", "20260903010000", "20260904010000"
CHANNEL = "9f9799e3-0000-4000-8000-000000000001"
APPOINTMENT_CHANNEL = "9f9799e3-0000-4000-8000-000000000002"

Row = tuple[str, dict[str, str]]


def uid(name: str) -> str:
    """The same name always has the same id, so that tests can speak of "anne" and "asthma"."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))


def a_patient(name: str, **cells: str) -> Row:
    return "patient", {
        "id": uid(name),
        "patient_id_deid": "9990548609",
        "date_of_birth_deid": "1960-05-17",
        "postcode_deid": "QQ1 1AA",
        "registered_date": "2001-01-01",
        "registration_type": "regular",
        "registration_status": "true",
        "gender": "2",
        **cells,
    }


def an_entry(table: str, patient: str, name: str, code: str = "195967001", **cells: str) -> Row:
    return table, {
        "id": uid(name),
        "registration_id": uid(patient),
        "recorded_date": "2024-03-01T09:30:00",
        "effective_date": "2024-03-01",
        "deletion_flag": "false",
        "snomed_concept_id": code,
        **cells,
    }


def an_observation(patient: str, name: str, code: str = "195967001", **cells: str) -> Row:
    return an_entry("observation", patient, name, code, **cells)


def element(row: Row) -> str:
    name, cells = row
    return f"<{name} " + " ".join(f"{key}={quoteattr(text)}" for key, text in cells.items() if text) + "/>"


def snapshot(*rows: Row) -> str:
    return "<patient-extract-snapshot>\n" + "\n".join(map(element, rows)) + "\n</patient-extract-snapshot>\n"


def document(content: str, practice: str = PRACTICE) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<gpdata-extract xmlns="{NAMESPACE}" id="{uid("extract")}">\n'
        f'<practice-extract provider_id="{practice}" source_system="Test">\n{content}</practice-extract>\n</gpdata-extract>\n'
    )


def extract_name(stamp: str = NIGHT_ONE, sequence: int = 1, kind: str = "PAT", message: str = "", **how: str) -> str:
    channel = how.get("channel") or (CHANNEL if kind == "PAT" else APPOINTMENT_CHANNEL)
    return f"GPDRP_{kind}_EXTRACT_{message or uid(f'{kind}{stamp}{sequence}')}_{stamp}_{channel}_{sequence}.dat.gz"


def write_bytes(folder: Path, content: bytes, name: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or extract_name())
    path.write_bytes(gzip.compress(content, 1, mtime=0))
    return path


def write_extract(
    folder: Path,
    snapshots: Sequence[Sequence[Row]] = (),
    stamp: str = NIGHT_ONE,
    sequence: int = 1,
    *,
    practice_rows: Sequence[Row] = (),
    appointments: Sequence[Row] = (),
    kind: str = "delta",
) -> list[Path]:
    """The patients' file, one of appointments where there are some, and a report that counts them."""
    content = "".join(map(element, practice_rows)) + "".join(snapshot(*rows) for rows in snapshots)
    counts = {"PAT": len(practice_rows) + sum(map(len, snapshots))}
    written = [write_bytes(folder, document(content).encode(), extract_name(stamp, sequence))]
    if appointments:
        counts["APPT"] = len(appointments)
        content = document("".join(map(element, appointments)))
        written.append(write_bytes(folder, content.encode(), extract_name(stamp, sequence, "APPT")))
    for path, (_, count) in zip(written, counts.items(), strict=True):
        write_report(folder, path, count, kind=kind)
    return written


def write_report(folder: Path, path: Path, count: int, *, kind: str = "delta", **cells: Any) -> Path:
    _, workflow, _, message, stamp, channel, sequence = path.name.removesuffix(".dat.gz").split("_")
    sent = {
        "org_code": PRACTICE,
        "date_generated": "2026-09-02T01:00:00",
        "date_transmitted": "2026-09-02T01:05:00",
        "message_id": message,
        "channel_id": channel,
        "channel_sequence": int(sequence),
        "effective_date": "2026-09-02",
        "record_count": count,
        "type": kind,
    }
    report = {
        "supplier": "Test",
        "status": "complete",
        "serviced_provider_list": [PRACTICE],
        "participation_list": [PRACTICE],
        "expected_submissions": [{"org_code": PRACTICE, "delta": 1, "recon": 0, "snapshot": 0}],
        "actual_submissions": [sent],
        **cells,
    }
    report_path = folder / f"GPDRP_{workflow}_REPORT_{stamp}.jsonl"
    with report_path.open("a") as file:
        file.write(json.dumps(report) + "\n")
    return report_path
