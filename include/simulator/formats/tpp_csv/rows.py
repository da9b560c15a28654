"""What a night's rows are in TPP's tables: each of EMIS's files becomes one or more of them."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.calendar import extract_day
from simulator.draws import Numbers
from simulator.emis.layout import OBSERVATION
from simulator.facts import NO_CODE, TABLE, Fate, Precision, Rows, fates
from simulator.formats.tpp_csv.cells import NOTHING, code_cells, moments, or_nothing, picked_by, shouted
from simulator.practice import Practice
from simulator.record import id_column, numbered, observations_behind
from simulator.texts import constant

Cells = dict[str, pa.Array]
# Lines of SRMapping and SRConfiguredListOption that rows refer to.
MAPPING = {
    "4001": "Booked",
    "4002": "Finished",
    "4003": "Did Not Attend",
    "4011": "Pending",
    "4012": "Seen",
    "4013": "Superseded",
    "4021": "Major",
    "4022": "Minor",
    "4031": "Home",
    "4041": "Outpatient clinic",
    "4042": "Assessment service",
    "4043": "Mental Health team",
}
OPTIONS = {"5001": "Routine", "5002": "Urgent", "5003": "2 Week Wait"}
_BY_TEXT = {text: number for number, text in {**MAPPING, **OPTIONS}.items()}
DRUG_OF_CODE = 7000  # the place of an allergy's code in the code table, and so much, is the drug's number
_PARTIAL = (Precision.MONTH, Precision.YEAR)
_HELD_FOR_ITS_CODE = (Fate.LEGALLY_RESTRICTED_CODE, Fate.IDENTIFIER_IN_CODE, Fate.UNKNOWN_CODE)


def without_marked(rows: Rows) -> Rows:
    """TPP has no mark for a confidential entry: practices leave such entries out of the extract."""
    if rows.facts is None:
        return rows
    return rows.where(~rows.facts.confidential | rows.facts.duplicate).with_facts(confidential=False)


def made(table: str, source: Practice, rows: Rows, cells: Cells, **facts: object) -> Rows:
    """A removal names the record, and nothing else: not even whose it was."""
    if rows.facts is None:
        raise ValueError(f"{table} is made of reference rows.")
    deleted = pa.array(rows.facts.deleted)
    told = {name: pc.if_else(deleted, "", cell) for name, cell in cells.items() if name != "RowIdentifier"}
    length = len(rows)
    columns = {
        "RowIdentifier": cells["RowIdentifier"],
        **told,
        "IDOrganisationVisibleTo": constant(source.code, length),
        "RemovedData": pc.if_else(deleted, "1", "0"),
    }
    partial = np.isin(rows.facts.precision, _PARTIAL)
    precision = np.where(partial, Precision.DAY, rows.facts.precision)
    made = Rows(file=table, columns=columns, facts=replace(rows.facts, precision=precision))
    return made.with_facts(**facts) if facts else made


def common_cells(source: Practice, rows: Rows) -> Cells:
    columns, length = rows.columns, len(rows)
    empty = constant("", length)
    staff = numbered(columns.get("ClinicianUserInRoleGuid", empty))
    return {
        "RowIdentifier": numbered(columns[id_column(rows)]),
        "DateEventRecorded": moments(columns.get("EnteredDate", empty), columns.get("EnteredTime", empty)),
        "DateEvent": moments(columns.get("EffectiveDate", empty)),
        "IDDoneBy": or_nothing(staff),
        "TextualEventDoneBy": columns.get("AssociatedText", empty),
        "IDOrganisationDoneAt": constant(source.code, length),
        "IDEvent": or_nothing(numbered(columns.get("ConsultationGuid", empty))),
        "IDPatient": numbered(columns["PatientGuid"]),
        "IDOrganisation": constant(source.code, length),
        "IDOrganisationRegisteredAt": constant(source.code, length),
        "IDReferralIn": constant(NOTHING, length),
    }


def events(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    empty = constant("", len(rows))
    complete = rows.columns.get("Complete", empty)
    cells = {
        **common_cells(source, rows),
        "EventIncomplete": picked_by(complete, {"true": "FALSE", "false": "TRUE"}),
        "ClinicalEvent": constant("TRUE", len(rows)),
    }
    yield made("SREvent", source, rows, cells, code=NO_CODE)


def entries(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    table = rows.facts.table if rows.facts is not None else np.zeros(0)
    tables = {"immunisation": _immunisations, "allergy": _sensitivities, "observation": _entries}
    for name, make in tables.items():
        some = rows.where(table == TABLE[name])
        if len(some):
            yield make(source, some)


def _entries(source: Practice, rows: Rows) -> Rows:
    ctv3, snomed = code_cells(source, _code(rows))
    empty = constant("", len(rows))
    value = rows.columns.get("Value", empty)
    cells = {
        **common_cells(source, rows),
        "CTV3Code": ctv3,
        "SNOMEDCode": snomed,
        "IsNumeric": pc.if_else(pc.equal(value, ""), "FALSE", "TRUE"),
        "NumericValue": pc.if_else(pc.equal(value, ""), "-1.0", value),
        "NumericUnit": rows.columns.get("NumericUnit", empty),
    }
    return made("SRCode", source, rows, cells)


def _immunisations(source: Practice, rows: Rows) -> Rows:
    ctv3, snomed = code_cells(source, _code(rows))
    cells = {
        **common_cells(source, rows),
        "ImmsReadCode": ctv3,
        "ImmsSNOMEDCode": snomed,
        "Dose": constant("0.5 ml", len(rows)),
    }
    return made("SRImmunisation", source, rows, cells)


def _sensitivities(source: Practice, rows: Rows) -> Rows:
    common = common_cells(source, rows)
    drug = pa.array(_code(rows) + DRUG_OF_CODE).cast(pa.string())
    return made("SRDrugSensitivity", source, rows, {**common, "DateStarted": common["DateEvent"], "IDDrugCode": drug})


def problems(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    live, behind = _with_observations(source, night, rows)
    if len(live):
        ctv3, _ = code_cells(source, _code(behind))
        said = {name: behind.columns[name] for name in behind.columns if name not in rows.columns}
        cells = {
            **common_cells(source, replace(live, columns={**live.columns, **said})),
            "CTV3Code": ctv3,
            "DateEnd": moments(live.columns["EndDate"]),
            "Severity": picked_by(
                live.columns["SignificanceDescription"],
                {"Significant Problem": _BY_TEXT["Major"], "Minor Problem": _BY_TEXT["Minor"]},
            ),
            "IDCode": numbered(live.columns["ObservationGuid"]),
        }
        own = np.where(np.asarray(pc.equal(ctv3, "").to_numpy(zero_copy_only=False)), NO_CODE, _code(behind))
        yield made("SRProblem", source, live, cells, code=own, **_dates(behind))
    yield from _removals("SRProblem", source, rows)


def referrals(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    live, behind = _with_observations(source, night, rows)
    if not len(live):
        return
    ctv3, snomed = code_cells(source, _code(behind))
    received = moments(live.columns["ReferralReceivedDate"])
    said = {name: behind.columns[name] for name in behind.columns if name not in rows.columns}
    cells = {
        **common_cells(source, replace(live, columns={**live.columns, **said})),
        "DateEvent": received,
        "DateEventRecorded": moments(live.columns["ReferralReceivedDate"], live.columns["ReferralReceivedTime"]),
        "Urgency": picked_by(live.columns["ReferralUrgency"], {text: number for number, text in OPTIONS.items()}),
        "ServiceOffered": picked_by(
            live.columns["ReferralServiceType"], {"Outpatient": "4041", "Assessment": "4042", "Mental Health": "4043"}
        ),
        "TypeOfReferral": constant(NOTHING, len(live)),
        "PrimaryDiagnosis": ctv3,
        "SNOMEDPrimaryDiagnosis": snomed,
        "RecipientID": live.columns["ReferralUBRN"],
    }
    yield made("SRReferralOut", source, live, cells, code=_code(behind), withheld=False)


def _with_observations(source: Practice, night: int, rows: Rows) -> tuple[Rows, Rows]:
    """The rows that say something, and the observations they are about; without those about confidential ones."""
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    live = rows.where(~rows.facts.deleted)
    if not len(live):
        return live, live
    behind = observations_behind(source, night, live)
    if behind.facts is None:
        raise ValueError(f"{OBSERVATION} holds reference rows.")
    plain = ~behind.facts.confidential
    return live.where(plain), behind.where(plain)


def _dates(behind: Rows) -> dict[str, object]:
    if behind.facts is None:
        raise ValueError(f"{OBSERVATION} holds reference rows.")
    return {name: getattr(behind.facts, name) for name in ("effective", "unreadable_date")}


def _removals(table: str, source: Practice, rows: Rows) -> Iterator[Rows]:
    gone = rows.where(rows.facts.deleted) if rows.facts is not None else rows
    if len(gone):
        yield made(table, source, gone, {"RowIdentifier": numbered(gone.columns[id_column(gone)])})


def recalls(source: Practice, night: int, rows: Rows) -> Iterator[Rows]:
    """TPP's recalls have no code: those which another format's code would hold back are left out."""
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    fate = fates(rows.facts, source.roster.birth, extract_day(night))
    kept = rows.where(~np.isin(fate, _HELD_FOR_ITS_CODE))
    if not len(kept):
        return
    empty = constant("", len(kept))
    complete, active = (shouted(kept.columns.get(name, empty)) for name in ("IsComplete", "IsActive"))
    state = pc.if_else(pc.equal(complete, "TRUE"), "4012", pc.if_else(pc.equal(active, "TRUE"), "4011", "4013"))
    common = common_cells(source, kept)
    cells = {
        **common,
        "DateRecall": common["DateEvent"],
        "RecallStatus": state,
        "RecallType": kept.columns.get("OriginalTerm", empty),
    }
    yield made("SRRecall", source, kept, cells, code=NO_CODE)


def _code(rows: Rows) -> Numbers:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    return rows.facts.code
