"""People whose records hold what the GDPPR layout has to get right, each known by the year they were born in."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from support.parcels import Keys, rows, tokens
from support.release_world import USE, ReleaseWorld

HERE, THERE = "A10001", "A10002"
PEOPLE_HERE, PEOPLE_THERE, AT_BOTH = 30, 15, 3
FIRST_YEAR = 1930
DIABETES, ASTHMA, SMOKER, BMI, STROKE = "44054006", "195967001", "77176002", "60621009", "230690007"
BLOOD_PRESSURE, SYSTOLIC, DIASTOLIC, WHITE_BRITISH = "163020007", "271649006", "271650006", "494131000000105"
PREGNANT, PROSTATE_CANCER, REFERRED = "77386006", "399068003", "3457005"
METFORMIN, AMOXICILLIN, FLU_JAB, PENICILLIN, CONSULTED = (
    *("325278007", "323509004", "86198006", "91936005"),
    "11429006",
)
FOLLOWED_UP, REVIEWED, CALLED, FIRST_FEW = "439740005", "170777000", "185317003", 18
_TABLES = """[safe_data.tables]
patient = ["registration_token", "practice_code", "extract_date", "supplier_format", "sex", "year_of_birth", "year_of_death", "lsoa_code"]
encounter = ["record_token", "registration_token", "snomed_concept_id", "effective_date", "recorded_at"]
observation = ["record_token", "registration_token", "parent_token", "snomed_concept_id", "effective_date", "recorded_at", "value"]
immunisation = ["record_token", "registration_token", "snomed_concept_id", "effective_date", "recorded_at", "status"]
allergy = ["record_token", "registration_token", "snomed_concept_id", "effective_date", "recorded_at", "status"]
medication = [
  "record_token", "registration_token", "authorisation_token", "dmd_code", "intent", "prescription_type",
  "effective_date", "recorded_at", "quantity"
]
referral = ["record_token", "registration_token", "snomed_concept_id", "effective_date", "recorded_at"]
problem = ["record_token", "registration_token", "snomed_concept_id", "effective_date", "recorded_at", "status"]

"""


class Records:
    """Rows of one practice, put together one by one."""

    def __init__(self, practice: str, registrations: list[bytes]) -> None:
        self.practice, self.registrations = practice, registrations
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self._records = iter(tokens(1_000, seed=int(practice[1:])).to_pylist())

    def add(
        self, table: str, who: int, code: str | None = None, day: date | None = date(2020, 6, 1), **more: Any
    ) -> bytes:
        """One entry of the `who`th patient; its token."""
        named = {"dmd_code": code} if table == "medication" else {"snomed_concept_id": code}
        row = {
            "record_token": next(self._records),
            "is_deleted": False,
            "registration_token": self.registrations[who],
            "effective_date": day,
            "recorded_at": datetime(2020, 6, 2, 9, 30) if day else None,
            **named,
            **more,
        }
        self.rows.setdefault(table, []).append(row)
        return row["record_token"]

    def tables(self) -> dict[str, pa.Table]:
        names = {table: list(dict.fromkeys(key for row in made for key in row)) for table, made in self.rows.items()}
        return {
            table: rows(table, len(made), **{name: [row.get(name) for row in made] for name in names[table]})
            for table, made in self.rows.items()
        }


@contextmanager
def gdppr_world(root: Path, store_url: str) -> Iterator[ReleaseWorld]:
    """Two practices, three people registered at both, all of them released in the GDPPR layout."""
    world = ReleaseWorld(root, Keys(root / "keys").make(), store_url)
    world.change('layout = "tables"', 'layout = "gdppr"')
    path = world.folder / "data_uses" / f"{USE}.toml"
    before, _, rest = path.read_text().partition("[safe_data.tables]")
    path.write_text(before + _TABLES + rest[rest.index("[safe_setting]") :])
    persons = tokens(PEOPLE_HERE + PEOPLE_THERE - AT_BOTH, seed=7).to_pylist()
    here, there = persons[:PEOPLE_HERE], persons[:AT_BOTH] + persons[PEOPLE_HERE:]
    for practice, people in ((HERE, here), (THERE, there)):
        registrations = tokens(len(people), seed=int(practice[1:]) + 50_000).to_pylist()
        records = Records(practice, registrations)
        write = _here if practice == HERE else _there
        write(records)
        world.load(practice, {"patient": _patients(registrations, people, persons), **records.tables()})
        world.allow(practice, pa.array(people, pa.binary(16)))
    yield world


def _patients(registrations: list[bytes], people: list[bytes], persons: list[bytes]) -> pa.Table:
    numbers = [persons.index(person) for person in people]
    sexes = ["female" if number % 2 else "male" for number in numbers]
    sexes[20 % len(sexes)], sexes[21 % len(sexes)] = "not_known", "not_specified"
    return rows(
        "patient",
        len(people),
        record_token=registrations,
        registration_token=registrations,
        patient_token=people,
        sex=sexes,
        year_of_birth=[FIRST_YEAR + number for number in numbers],
        year_of_death=[1925 if number == 7 else 2021 if number == 8 else None for number in numbers],
        lsoa_code=["E01000001"] * len(people),
    )


def _here(records: Records) -> None:
    """Who bears which entry is said in the tests' words: person 0 has a blood pressure, and so on."""
    for who in range(PEOPLE_HERE):
        records.add("observation", who, WHITE_BRITISH, date(2019, 1, 1))
        if who > FIRST_FEW:
            for each in (FOLLOWED_UP, REVIEWED, CALLED):
                records.add("encounter", who, each)
    pressure = records.add("observation", 0, BLOOD_PRESSURE)
    records.add("observation", 0, SYSTOLIC, parent_token=pressure, value=141.0)
    records.add("observation", 0, DIASTOLIC, parent_token=pressure, value=88.0)
    records.add("observation", 1, SYSTOLIC, value=120.0)
    other = records.add("observation", 1, BLOOD_PRESSURE)
    records.add("observation", 1, SMOKER, parent_token=other)
    for who, value, day in (
        (2, 31.5, date(2020, 1, 1)),
        (2, 28.0, date(2018, 1, 1)),
        (3, 5.0, None),
        (3, 22.0, date(2015, 3, 1)),
    ):
        records.add("observation", who, BMI, day, value=value)
    records.add("observation", 4, None, local_code="EMISNQSU12")
    records.add("problem", 5, DIABETES, date(2011, 5, 5), status="active")
    records.add("problem", 5, STROKE, date(2012, 5, 5), status="entered_in_error")
    asthma = records.add("observation", 6, ASTHMA, date(2001, 2, 3))
    records.add("problem", 6, ASTHMA, date(2001, 2, 3), status="active", record_token=asthma)
    letter = records.add("observation", 6, REFERRED)
    records.add("referral", 6, ASTHMA, record_token=letter)
    records.add("referral", 7, REFERRED)
    records.add("immunisation", 8, FLU_JAB, status="completed")
    records.add("immunisation", 9, FLU_JAB, status="not_done")
    records.add("allergy", 8, PENICILLIN, status="active")
    records.add("allergy", 9, PENICILLIN, status="entered_in_error")
    records.add("encounter", 10, CONSULTED)
    records.add("recall", 10, ASTHMA, date(2030, 1, 1))
    acute = records.add("medication", 11, AMOXICILLIN, intent="plan", prescription_type="acute", quantity=21.0)
    records.add("medication", 11, AMOXICILLIN, intent="order", authorisation_token=acute, quantity=21.0)
    repeat = records.add("medication", 12, METFORMIN, intent="plan", prescription_type="repeat", quantity=56.0)
    for _ in range(2):
        records.add("medication", 12, METFORMIN, intent="order", authorisation_token=repeat, quantity=56.0)
    records.add("observation", 14, PREGNANT)
    records.add("observation", 15, PREGNANT)
    records.add("observation", 16, PROSTATE_CANCER)
    records.add("observation", 17, PROSTATE_CANCER)
    records.add("observation", 18, STROKE, date(2020, 12, 10))
    records.add("observation", 18, STROKE, date(2019, 12, 10))


def _there(records: Records) -> None:
    records.add("medication", 0, AMOXICILLIN, intent="order", prescription_type="acute", quantity=15.0)
    records.add("observation", 0, SMOKER, date(2022, 1, 1))
    records.add("observation", 14, DIABETES, None)
