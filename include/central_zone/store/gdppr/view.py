"""The view: facts about the patient, then those of the entry, in GDPPR's order."""

from collections.abc import Mapping

from central_zone.store.gdppr.codes import SUPPLIERS
from central_zone.store.gdppr.entries import entries_of
from central_zone.store.gdppr.layout import ENTRIES, Layout, Source, or_null
from central_zone.store.tables import RECORDS

_PATIENT_WITH_PARCEL = """(
  SELECT patient.*, parcel.supplier_format, parcel.loaded_at,
    (parcel.extract_taken_at AT TIME ZONE 'Europe/London')::date AS extract_date
  FROM records.current_patient AS patient LEFT JOIN ledger.parcel ON parcel.parcel_number = patient.parcel_number
)"""


def of_the_store() -> Layout:
    """Today's records of everybody: for whoever makes releases, and as the pattern that releases follow."""
    sources = {
        table: Source(f"records.current_{table}", frozenset(RECORDS[table].c.keys())) for table in ("patient", *ENTRIES)
    }
    beside = {"supplier_format", "extract_date"}
    sources["patient"] = Source(_PATIENT_WITH_PARCEL, sources["patient"].columns | beside)
    return Layout(
        sources=sources,
        key=("practice_code", "registration_token"),
        processed="patient.loaded_at",
        delivered="NULL::text",
    )


def select(layout: Layout) -> str:
    """The SELECT of the view."""
    columns = ",\n  ".join(f"{expression} AS {name}" for name, expression in _columns(layout).items())
    entries = "\n  UNION ALL\n".join(entries_of(layout))
    return (
        f"SELECT\n  {columns}\nFROM {layout.sources['patient'].relation} AS patient\n"
        f"JOIN (\n{entries}\n) AS entry USING ({', '.join(layout.key)})\nWHERE entry.code IS NOT NULL"
    )


def _columns(layout: Layout) -> dict[str, str]:
    """In GDPPR's order and spelling; PostgreSQL folds names to small letters, and finds them however they are spelt."""
    return {
        "NHS_NUMBER_DEID": _of_patient(layout, "patient_token", "uuid"),
        "PRACTICE": _of_patient(layout, "practice_code", 'text COLLATE "C"'),
        "GP_SYSTEM_SUPPLIER": _words(_of_patient(layout, "supplier_format", "text"), SUPPLIERS),
        "REPORTING_PERIOD_END_DATE": _of_patient(layout, "extract_date", "date"),
        "PROCESSED_TIMESTAMP": layout.processed,
        "YEAR_OF_BIRTH": f"{_of_patient(layout, 'year_of_birth', 'smallint')}::integer",
        "YEAR_MONTH_OF_BIRTH": "NULL::text",
        "YEAR_OF_DEATH": f"{_of_patient(layout, 'year_of_death', 'smallint')}::integer",
        "SEX": _words(
            _of_patient(layout, "sex", "text"),
            {"not_known": "0", "male": "1", "female": "2", "not_specified": "9", "other": "9"},
        ),
        "ETHNIC": "NULL::text",
        "LSOA": _of_patient(layout, "lsoa_code", "text"),
        "CODE": "entry.code",
        "DATE": "entry.date",
        "RECORD_DATE": "entry.record_date",
        "EPISODE_CONDITION": "NULL::text",
        "EPISODE_PRESCRIPTION": "entry.episode_prescription",
        "VALUE1_CONDITION": "entry.value1_condition",
        "VALUE2_CONDITION": "entry.value2_condition",
        "VALUE1_PRESCRIPTION": "entry.value1_prescription",
        "VALUE2_PRESCRIPTION": "NULL::double precision",
        "LINKS": "NULL::integer[]",
        "ProductionDate": layout.delivered,
        "BatchId": layout.delivered,
        "archived_on": f"({layout.delivered})::timestamp::date",
    }


def columns() -> tuple[str, ...]:
    """The names of the layout, in order."""
    nothing = Layout(sources={"patient": Source("", frozenset())}, key=(), processed="", delivered="")
    return tuple(_columns(nothing))


def _of_patient(layout: Layout, column: str, type_: str) -> str:
    return or_null(layout.sources["patient"], "patient", column, type_)


def _words(expression: str, words: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN '{ours}' THEN '{theirs}'" for ours, theirs in words.items())
    return f"CASE {expression} {cases} END"
