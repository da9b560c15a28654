"""A second opinion on the answer sheet: reads the files as text, row by row, and applies the rules the slow, plain way.

It shares nothing with the simulator, so an error would have to be made twice to pass.
"""

import csv
from collections import Counter, defaultdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

START = date(2021, 9, 1)
Row = dict[str, str]
TABLE_OF_FILE = {
    "Admin_Patient": "patient",
    "Admin_Organisation": "organisation",
    "Admin_UserInRole": "staff_role",
    "CareRecord_Consultation": "encounter",
    "CareRecord_Observation": "observation",
    "CareRecord_Problem": "problem",
    "CareRecord_ObservationReferral": "referral",
    "CareRecord_Diary": "recall",
    "Prescribing_DrugRecord": "medication",
    "Prescribing_IssueRecord": "medication",
    "Appointment_Slot": "appointment",
}
ALL_TABLES = (*TABLE_OF_FILE.values(), "immunisation", "allergy")
CODE_COLUMN = {
    "CareRecord_Consultation": "ConsultationSourceCodeId",
    "CareRecord_Observation": "CodeId",
    "CareRecord_Diary": "CodeId",
    "Prescribing_DrugRecord": "CodeId",
    "Prescribing_IssueRecord": "CodeId",
}
NUMBER_COLUMNS = (
    *("Value", "NumericRangeLow", "NumericRangeHigh", "Quantity", "CourseDurationInDays", "NumberOfIssues"),
    *("NumberOfIssuesAuthorised", "PlannedDurationInMinutes", "ActualDurationInMinutes"),
)
DATE_COLUMNS = ("EffectiveDate", "EnteredDate", "AppointmentDate", "ReferralReceivedDate")
TEN_YEARS_ONLY = ("medication", "referral", "appointment")


def read_file(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def read_night(folder: Path, night: int) -> dict[str, list[Row]]:
    """The rows of each file of a night, by file name without number and time."""
    found = {}
    for path in sorted(folder.glob(f"{290 + night}_*.csv")):
        found["_".join(path.name.split("_")[1:3])] = read_file(path)
    return found


def parsed_date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def is_bad_date(text: str) -> bool:
    try:
        parsed_date(text)
    except ValueError:
        return True
    return False


def is_bad_number(text: str) -> bool:
    try:
        float(text or "0")
    except ValueError:
        return True
    return False


def is_an_nhs_number(text: str) -> bool:
    if len(text) != 10 or not text.isdigit():
        return False
    total = sum(int(text[place]) * (10 - place) for place in range(9))
    return (11 - total % 11) % 11 == int(text[9])


class CodeBook:
    """The practice's code tables, and the policy's lists, as text."""

    def __init__(self, policy: Path) -> None:
        self.restricted = self._listed(policy / "codelists" / "legally_restricted.csv")
        self.consents = self._listed(policy / "codelists" / "type_one_opt_out.csv")
        self.rows: dict[str, Row] = {}
        self.drugs: set[str] = set()

    @staticmethod
    def _listed(path: Path) -> dict[str, str]:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        return {row["code"]: row.get("meaning", "restricted") for row in csv.DictReader(lines)}

    def meanings(self, code_id: str, listed: dict[str, str]) -> set[str]:
        row = self.rows.get(code_id)
        if row is None:
            return set()
        spellings = {row["SnomedCTConceptId"], row["ReadTermId"], row["ReadTermId"][:5]} - {""}
        return {listed[spelling] for spelling in spellings if spelling in listed}

    def fault(self, file: str, code_id: str) -> str | None:
        if file.startswith("Prescribing_"):
            return None if code_id in self.drugs else "unknown_code"
        if self.meanings(code_id, self.restricted):
            return "legally_restricted_code"
        if code_id not in self.rows:
            return "unknown_code"
        row = self.rows[code_id]
        held = [row[column] for column in ("ReadTermId", "SnomedCTConceptId", "NationalCode")]
        return "identifier_in_code" if any(map(is_an_nhs_number, held)) else None


class PracticeReader:
    """What a pipeline without hurry would know of one practice, extract after extract."""

    def __init__(self, policy: Path) -> None:
        self.codes = CodeBook(policy)
        self.patients: dict[str, Row] = {}
        self.consents: dict[str, Row] = {}
        self.withheld: set[str] = set()
        self.held: set[str] = set()  # who was held back by an earlier run
        self.today = date.min

    def learn(self, files: dict[str, list[Row]], taken: date) -> None:
        """Takes in what an extract says of codes, patients and consents."""
        self.today = taken
        self.codes.rows = {row["CodeId"]: row for row in files["Coding_ClinicalCode"]}
        self.codes.drugs = {row["CodeId"] for row in files["Coding_DrugCode"]}
        for row in files["Admin_Patient"]:
            if row["Deleted"] != "true":
                self.patients[row["PatientGuid"]] = row
            assert row["PatientGuid"] in self.patients
        for row in files["CareRecord_Observation"]:
            if row["Deleted"] == "true":
                self.consents.pop(row["ObservationGuid"], None)
            elif self.codes.meanings(row["CodeId"], self.codes.consents) & {"dissent", "withdrawal"}:
                self.consents[row["ObservationGuid"]] = row

    def remember_who_was_held_back(self) -> None:
        self.held |= {guid for guid in self.patients if self.reason(guid)}

    def reason(self, guid: str) -> str | None:
        return self._reason_of_today(guid) or ("awaits_whole_record" if guid in self.held else None)

    def _reason_of_today(self, guid: str) -> str | None:
        row = self.patients[guid]
        left, died = parsed_date(row["DateOfDeactivation"]), parsed_date(row["DateOfDeath"])
        if row["DummyType"]:
            return "test_patient"
        if "true" in (row["IsConfidential"], row["SpineSensitive"]):
            return "confidential_patient"
        if self._dissents(guid):
            return "type_one_opt_out"
        if left and left < START:
            return "left_before_start"
        if died and died < START:
            return "died_before_start"
        return None if row["PatientTypeDescription"] == "Regular" else "registration_out_of_scope"

    def _dissents(self, guid: str) -> bool:
        by_day: dict[date, list[tuple[str, datetime | None]]] = defaultdict(list)
        for row in self.consents.values():
            if row["PatientGuid"] != guid:
                continue
            meaning = next(iter(self.codes.meanings(row["CodeId"], self.codes.consents)))
            undated = is_bad_date(row["EffectiveDate"]) or not row["EffectiveDate"]
            if undated or date.fromisoformat(row["EffectiveDate"]) > self.today:
                if meaning == "dissent":
                    return True
                continue
            entered = (
                datetime.fromisoformat(f"{row['EnteredDate']} {row['EnteredTime']}") if row["EnteredDate"] else None
            )
            by_day[date.fromisoformat(row["EffectiveDate"])].append((meaning, entered))
        if not by_day:
            return False
        last = by_day[max(by_day)]
        if len({meaning for meaning, _ in last}) == 1:
            return last[0][0] == "dissent"
        times = [entered for _, entered in last if entered]
        if len(set(times)) < len(last):
            return True
        return next(meaning for meaning, entered in last if entered == max(times)) == "dissent"

    def patient_counts(self) -> tuple[int, dict[str, int]]:
        counts = Counter(self.reason(guid) for guid in self.patients)
        return counts.pop(None, 0), {str(reason): count for reason, count in counts.items()}

    def tables(self, files: dict[str, list[Row]], taken: date, seen: set[str]) -> tuple[dict[str, Any], set[str]]:
        """The counts of one extract, and the registrations whose own row is loaded. `seen`: patients known by then."""
        counts: dict[str, dict[str, Any]] = {
            table: {
                "read": 0,
                "sent": 0,
                "held_back": Counter(),
                "quarantined": Counter(),
                "central_quarantined": Counter(),
            }
            for table in ALL_TABLES
        }
        registrations = set()
        for file in sorted(files, key=lambda name: name != "CareRecord_Observation"):
            if file not in TABLE_OF_FILE:
                continue
            last = {next(iter(row.values())): place for place, row in enumerate(files[file])}
            for place, row in enumerate(files[file]):
                table = _table(file, row)
                counted = counts[table]
                counted["read"] += 1
                what, rule = self._fate(file, table, row, taken, seen, is_last=last[next(iter(row.values()))] == place)
                if what == "sent":
                    counted["sent"] += 1
                else:
                    counted[what][rule] += 1
                if what == "sent" and rule:
                    counted["central_quarantined"][rule] += 1
                if what == "sent" and table == "patient":
                    registrations.add(row["PatientGuid"])
        return {table: _plain(row) for table, row in counts.items()}, registrations

    def _fate(  # noqa: C901, PLR0911, PLR0912  (the rules, one after another, in the order of docs/a-night.md)
        self, file: str, table: str, row: Row, taken: date, seen: set[str], *, is_last: bool
    ) -> tuple[str, str]:
        record = next(iter(row.values()))
        if table in ("staff_role", "organisation"):
            return ("sent", "") if is_last else ("held_back", "duplicate")
        deleted = row.get("Deleted") == "true"
        code_fault = None if deleted or file not in CODE_COLUMN else self.codes.fault(file, row[CODE_COLUMN[file]])
        if (
            file == "CareRecord_Observation"
            and not deleted
            and is_last
            and (code_fault or row["IsConfidential"] == "true")
        ):
            self.withheld.add(record)
        if not deleted and any(is_bad_date(row.get(column, "")) for column in DATE_COLUMNS):
            return "quarantined", "unreadable_date"
        if not deleted and any(is_bad_number(row.get(column, "")) for column in NUMBER_COLUMNS):
            return "quarantined", "unreadable_number"
        if not row["PatientGuid"]:
            return "held_back", "no_patient"
        if row["PatientGuid"] not in seen:
            return "held_back", "unknown_patient"
        reason = self.reason(row["PatientGuid"])
        if reason:
            return "held_back", reason
        if deleted:
            return "sent", ""
        if not is_last:
            return "held_back", "duplicate"
        if row.get("IsConfidential") == "true":
            return "held_back", "confidential_record"
        if code_fault == "legally_restricted_code":
            return "held_back", code_fault
        if code_fault:
            return "quarantined", code_fault
        if table in ("problem", "referral") and record in self.withheld:
            return "held_back", "withheld_with_its_observation"
        day = next((parsed_date(row[column]) for column in DATE_COLUMNS if row.get(column)), None)
        if "EffectiveDate" in row:
            day = parsed_date(row["EffectiveDate"])
        if day and table in TEN_YEARS_ONLY and day < taken.replace(year=taken.year - 10):
            return "held_back", "outside_look_back"
        born = parsed_date(self.patients[row["PatientGuid"]]["DateOfBirth"])
        if day and born and table != "patient" and _is_before(day, born, row.get("EffectiveDatePrecision", "YMD")):
            return "quarantined", "dated_before_birth"
        planned = table in ("recall", "appointment")  # due, or booked, on a day to come
        return "sent", "dated_in_future" if day and day > taken and not planned else ""


def _table(file: str, row: Row) -> str:
    kinds = {"Immunisation": "immunisation", "Allergy": "allergy"}
    return kinds.get(row.get("ObservationType", ""), TABLE_OF_FILE[file])


def _is_before(day: date, born: date, precision: str) -> bool:
    parts = {"Y": 1, "YM": 2, "U": 0}.get(precision, 3)
    return day.timetuple()[:parts] < born.timetuple()[:parts]


def _plain(counted: dict[str, Any]) -> dict[str, Any]:
    plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in counted.items()}
    return plain | {"loaded": counted["sent"] - counted["central_quarantined"].total()}
