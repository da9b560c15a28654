"""Research code written for GDPPR finds itself at home: the same questions, asked of a release in its layout.

The questions are those of public repositories (BHFDSC/CCU002_02, CCU073_01, CCU037_01, NHS Digital's CVD Prevent), written
anew for PostgreSQL. Each person is known by the year of birth.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from central_zone.erasures.from_release import erase_from_release
from central_zone.erasures.marks import tokens_of
from central_zone.store.connection import store_of
from central_zone.store.gdppr import view
from central_zone.store.role_names import ERASER
from support.gdppr_world import (
    AMOXICILLIN,
    ASTHMA,
    BLOOD_PRESSURE,
    BMI,
    CONSULTED,
    DIABETES,
    DIASTOLIC,
    FIRST_YEAR,
    FLU_JAB,
    HERE,
    METFORMIN,
    PENICILLIN,
    PREGNANT,
    PROSTATE_CANCER,
    REFERRED,
    SMOKER,
    STROKE,
    SYSTOLIC,
    THERE,
    WHITE_BRITISH,
    gdppr_world,
)
from support.release_world import USE, ReleaseWorld

GDPPR = f"release.{USE}__gdppr"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: Any) -> Iterator[ReleaseWorld]:
    with gdppr_world(tmp_path_factory.mktemp("gdppr"), postgres.a_store()) as made:
        made.release()
        yield made


def ask(world: ReleaseWorld, sql: str) -> list[tuple[Any, ...]]:
    return world.query(sql.replace("{gdppr}", GDPPR).replace("{who}", f"YEAR_OF_BIRTH - {FIRST_YEAR}"))


def people(world: ReleaseWorld, sql: str) -> list[int]:
    return sorted(row[0] for row in ask(world, sql))


def entries(world: ReleaseWorld, code: str) -> list[int]:
    return people(world, f"SELECT {{who}} FROM {{gdppr}} WHERE CODE = '{code}'")


def test_its_columns_are_gdpprs_in_gdpprs_order(world):
    found = world.query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'release' "
        f"AND table_name = '{USE}__gdppr' ORDER BY ordinal_position"
    )
    assert [name for (name,) in found] == [name.lower() for name in view.columns()]


def test_a_release_says_what_the_store_says_of_the_same_people(world):
    """One definition: laid over the releases' tables it gives what it gives laid over today's records."""
    same = ", ".join(
        name
        for name in view.columns()
        if name not in ("NHS_NUMBER_DEID", "PROCESSED_TIMESTAMP", "ProductionDate", "BatchId", "archived_on")
    )
    both = [sorted(world.query(f"SELECT {same} FROM {each}"), key=str) for each in (GDPPR, "records.gdppr")]
    assert both[0] == both[1]
    assert len(both[0]) > 60


def test_a_person_at_two_practices_is_one_person_and_no_entry_counts_twice(world):
    ((ids, pairs, rows),) = ask(
        world,
        "SELECT count(DISTINCT NHS_NUMBER_DEID), count(DISTINCT (NHS_NUMBER_DEID, PRACTICE)), count(*) FROM {gdppr} "
        "WHERE YEAR_OF_BIRTH = 1930",
    )
    assert (ids, pairs, rows) == (1, 2, 6)  # ethnicity, a blood pressure's three; a drug, smoking
    assert people(world, "SELECT DISTINCT {who} FROM {gdppr} WHERE PRACTICE = '" + THERE + "'") == [0, 41]


def test_the_newest_patient_row_wins_as_research_code_lets_it_win(world):
    """CCU002's skinny table: one row a person, facts that are null or unknown last, then by date, which is the extract's."""
    found = ask(
        world,
        """
        WITH unassembled AS (
          SELECT NHS_NUMBER_DEID, SEX, make_date(YEAR_OF_BIRTH, 1, 1) AS DATE_OF_BIRTH, REPORTING_PERIOD_END_DATE AS RECORD_DATE,
            CASE WHEN SEX IS NULL OR TRIM(SEX) IN ('', '9', '0') THEN 1 ELSE 0 END AS sex_null
          FROM {gdppr}
        ), ranked AS (
          SELECT *, ROW_NUMBER() OVER (PARTITION BY NHS_NUMBER_DEID ORDER BY sex_null, RECORD_DATE DESC) AS rank FROM unassembled
        )
        SELECT SEX, count(*) FROM ranked WHERE rank = 1 GROUP BY SEX ORDER BY SEX
        """,
    )
    assert found == [("0", 1), ("1", 14), ("2", 15), ("9", 1)]


def test_ethnicity_is_found_by_its_code_as_where_the_field_is_empty(world):
    """`ETHNIC` is filled for a third of GDPPR; the rest is found by joining CODE with the map of ethnic groups."""
    found = ask(
        world,
        f"""
        WITH gdppr_ethnicity_mappings (ConceptId, PrimaryCode) AS (VALUES ('{WHITE_BRITISH}', 'A'))
        SELECT coalesce(eth.PrimaryCode, gdppr.ETHNIC) AS ETHNIC, count(DISTINCT NHS_NUMBER_DEID)
        FROM {{gdppr}} AS gdppr JOIN gdppr_ethnicity_mappings AS eth ON gdppr.CODE = eth.ConceptId GROUP BY 1
        """,
    )
    assert found == [("A", 30)]


def test_the_eight_rules_of_quality_find_whom_they_should(world):
    """CCU002_02-D04, rules 1, 2, 3, 6, 7 and 8; rules 4 and 5 are about the register of deaths, which is not GDPPR."""
    found = ask(
        world,
        f"""
        WITH preg (conceptid) AS (VALUES ('{PREGNANT}')), pros (conceptid) AS (VALUES ('{PROSTATE_CANCER}')),
        skinny AS (SELECT DISTINCT NHS_NUMBER_DEID, YEAR_OF_BIRTH, YEAR_OF_DEATH, SEX FROM {{gdppr}}),
        ruled AS (
          SELECT {{who}} AS who, CASE WHEN YEAR_OF_BIRTH > YEAR_OF_DEATH THEN 1 END AS rule FROM skinny
          UNION ALL SELECT {{who}}, CASE WHEN SEX IS NULL OR SEX = '' OR YEAR_OF_BIRTH IS NULL OR NHS_NUMBER_DEID IS NULL THEN 2 END
          FROM skinny
          UNION ALL SELECT {{who}}, CASE WHEN YEAR_OF_BIRTH < 1793 OR YEAR_OF_BIRTH > date_part('year', current_date) THEN 3 END
          FROM skinny
          UNION ALL SELECT DISTINCT {{who}}, CASE WHEN CODE IN (SELECT conceptid FROM preg) AND SEX = '1' THEN 6 END FROM {{gdppr}}
          UNION ALL SELECT DISTINCT {{who}}, CASE WHEN CODE IN (SELECT conceptid FROM pros) AND SEX = '2' THEN 7 END FROM {{gdppr}}
          UNION ALL SELECT {{who}}, CASE WHEN bool_and(DATE IS NULL AND RECORD_DATE IS NULL) THEN 8 END FROM {{gdppr}} GROUP BY 1
        )
        SELECT rule, who FROM ruled WHERE rule IS NOT NULL ORDER BY 1, 2
        """,
    )
    assert found == [(1, 7), (6, 14), (7, 17), (8, 41)]


def test_the_first_outcome_in_a_period_is_found(world):
    """CCU002_02-D09: events by code within dates, the earliest of each person."""
    found = ask(
        world,
        f"""
        WITH outcomes (name, code) AS (VALUES ('stroke_isch', '{STROKE}')), cte AS (
          SELECT NHS_NUMBER_DEID, DATE, RECORD_DATE, CODE AS snomed, {{who}} AS who FROM {{gdppr}}
          WHERE DATE >= '2020-01-01' AND DATE <= '2020-12-31' AND RECORD_DATE <= current_date AND NHS_NUMBER_DEID IS NOT NULL
        ), ranked AS (
          SELECT t1.*, t2.name, ROW_NUMBER() OVER (PARTITION BY NHS_NUMBER_DEID, name ORDER BY DATE, RECORD_DATE) AS seq
          FROM cte AS t1 JOIN outcomes AS t2 ON t1.snomed = t2.code
        )
        SELECT who, name, DATE::text FROM ranked WHERE seq = 1
        """,
    )
    assert found == [(18, "stroke_isch", "2020-12-10")]


def test_the_latest_body_mass_index_within_limits_is_found(world):
    found = ask(
        world,
        f"""
        SELECT who, VALUE1_CONDITION AS bmi FROM (
          SELECT *, {{who}} AS who, row_number() OVER (PARTITION BY NHS_NUMBER_DEID ORDER BY DATE DESC) AS bmi_rank FROM {{gdppr}}
          WHERE CODE IN ('{BMI}') AND DATE IS NOT NULL AND DATE >= '2009-07-01' AND VALUE1_CONDITION >= 10 AND VALUE1_CONDITION < 80
        ) AS ranked WHERE bmi_rank = 1 ORDER BY 1
        """,
    )
    assert found == [(2, 31.5), (3, 22.0)]


def test_a_blood_pressure_has_both_values_in_one_entry(world):
    """CCU073_01-D08: the diastolic is the second value, or the lesser of two, or the first where it stands alone."""
    found = ask(
        world,
        f"""
        SELECT {{who}}, CODE, VALUE1_CONDITION, VALUE2_CONDITION FROM {{gdppr}}
        WHERE CODE IN ('{BLOOD_PRESSURE}', '{SYSTOLIC}', '{DIASTOLIC}') ORDER BY 1, 2
        """,
    )
    assert found == [
        (0, BLOOD_PRESSURE, 141, 88),
        (0, SYSTOLIC, 141, None),
        (0, DIASTOLIC, 88, None),
        (1, BLOOD_PRESSURE, None, None),
        (1, SYSTOLIC, 120, None),
    ]
    lesser = ask(
        world,
        f"""
        SELECT DISTINCT {{who}}, CASE WHEN VALUE2_CONDITION IS NULL THEN VALUE1_CONDITION
          ELSE least(VALUE1_CONDITION, VALUE2_CONDITION) END
        FROM {{gdppr}} WHERE CODE IN ('{BLOOD_PRESSURE}', '{DIASTOLIC}') AND VALUE1_CONDITION IS NOT NULL
        """,
    )
    assert lesser == [(0, 88)]


def test_prescriptions_are_acute_issued_or_authorised_and_an_acute_one_counts_once(world):
    found = ask(
        world,
        """
        SELECT {who}, CODE, EPISODE_PRESCRIPTION, VALUE1_PRESCRIPTION, count(*) FROM {gdppr}
        WHERE EPISODE_PRESCRIPTION IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
    )
    assert found == [
        (0, AMOXICILLIN, "A", 15, 1),
        (11, AMOXICILLIN, "A", 21, 1),
        (12, METFORMIN, "I", 56, 2),
        (12, METFORMIN, "R", 56, 1),
    ]


def test_what_never_happened_is_planned_or_is_told_elsewhere_does_not_count(world):
    assert entries(world, FLU_JAB) == [8]
    assert entries(world, PENICILLIN) == [8]
    assert entries(world, STROKE) == [18, 18]
    assert entries(world, ASTHMA) == [6], (
        "a problem and a referral that extend an entry, and a recall, are none of their own"
    )
    assert entries(world, REFERRED) == [6, 7]
    assert (entries(world, DIABETES), entries(world, CONSULTED)) == ([5, 41], [10])


def test_entries_that_have_no_snomed_code_are_not_there(world):
    assert ask(world, "SELECT count(*) FROM {gdppr} WHERE CODE IS NULL") == [(0,)]
    assert people(world, "SELECT CODE FROM {gdppr} WHERE YEAR_OF_BIRTH = 1934") == [WHITE_BRITISH]


def test_a_delivery_is_found_by_its_production_date(world):
    """As `ProductionDate.startswith(...)`, `BatchId = ...` and `archived_on = ...` look for one."""
    day = world.today.date().isoformat()
    ((every, found),) = ask(
        world,
        f"SELECT count(*), count(*) FILTER (WHERE ProductionDate LIKE '{day}%' AND BatchId = ProductionDate "
        f"AND archived_on = '{day}' AND PROCESSED_TIMESTAMP::text LIKE '{day}%') FROM {{gdppr}}",
    )
    assert every == found > 60


def test_supplier_practice_and_area_are_as_gdppr_writes_them(world):
    found = ask(world, "SELECT DISTINCT PRACTICE, GP_SYSTEM_SUPPLIER, LSOA FROM {gdppr} ORDER BY 1")
    assert found == [(HERE, "EMIS", "E01000001"), (THERE, "EMIS", "E01000001")]


def test_smoking_is_found_at_either_practice(world):
    assert entries(world, SMOKER) == [0, 1]


TABLES = ("encounter", "observation", "immunisation", "allergy", "medication", "referral", "problem")


def plan(world: ReleaseWorld, sql: str) -> str:
    with store_of(world.store_url) as store, store.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        return "\n".join(connection.execute(text(f"EXPLAIN (COSTS off) {sql}")).scalars())


def test_a_code_is_looked_up_in_the_index_of_every_table(world):
    found = plan(world, f"SELECT DISTINCT NHS_NUMBER_DEID, DATE FROM {GDPPR} WHERE CODE = '{DIABETES}'")
    assert [table for table in TABLES if f"{USE}__{table}_of_a_code" not in found] == []
    assert "pressure" not in found, "values nobody asked for are not put together"


def test_one_persons_history_is_looked_up_in_the_index_of_every_table(world):
    ((who,),) = ask(world, "SELECT DISTINCT NHS_NUMBER_DEID FROM {gdppr} WHERE YEAR_OF_BIRTH = 1935")
    found = plan(world, f"SELECT * FROM {GDPPR} WHERE NHS_NUMBER_DEID = '{who}'")
    assert [table for table in ("patient", *TABLES) if f"{USE}__{table}_of_one_person" not in found] == []
    assert "Seq Scan" not in found


def test_a_practices_entries_in_the_store_are_looked_for_in_one_partition_of_each_table(world):
    found = plan(world, f"SELECT CODE, count(*) FROM records.gdppr WHERE PRACTICE = '{HERE}' GROUP BY CODE")
    partitions = set(re.findall(rf"on (({'|'.join(TABLES)})_[0-9]+)", found))
    assert {table for _, table in partitions} == set(TABLES)
    assert len(partitions) == len(TABLES)


def test_a_code_is_looked_up_in_the_store_too(world):
    """Of medicines there are two codes, and the store has no index of the one that takes the other's place."""
    found = plan(world, f"SELECT NHS_NUMBER_DEID, DATE FROM records.gdppr WHERE CODE = '{DIABETES}'")
    looked_up = rf"Scan using ([a-z]+)_[0-9]+_snomed_concept_id_idx.*\n.*snomed_concept_id = '{DIABETES}'"
    assert set(re.findall(looked_up, found)) == set(TABLES) - {"medication"}


def test_the_stores_view_is_the_one_definition(world):
    """Whoever changes the layout writes a migration that makes the view anew."""
    with store_of(world.store_url) as store, store.connect() as connection:
        connection.exec_driver_sql(f"CREATE TEMPORARY VIEW as_written AS {view.select(view.of_the_store())}")
        viewdef = "SELECT pg_get_viewdef('{}'::regclass)"
        written, stored = (
            connection.exec_driver_sql(viewdef.format(name)).scalar_one() for name in ("as_written", "records.gdppr")
        )
        connection.rollback()
    assert written == stored


def test_the_views_give_no_right_on_what_they_read(world):
    found = world.query(
        "SELECT relnamespace::regnamespace || '.' || relname, reloptions FROM pg_class WHERE relkind = 'v' AND relname LIKE '%gdppr'"
    )
    assert len(found) == 2
    assert all({"security_invoker=true", "security_barrier=true"} == set(options) for _, options in found)


def test_a_later_release_makes_the_view_anew_and_one_in_another_layout_takes_it_away(world):
    ((before,),) = ask(world, "SELECT count(*) FROM {gdppr}")
    world.release()
    assert ask(world, "SELECT count(*) FROM {gdppr}") == [(before,)]
    world.change('layout = "gdppr"', 'layout = "tables"')
    world.change('"practice_code", "extract_date", "supplier_format", ', "")
    world.release()
    assert world.query(f"SELECT to_regclass('{GDPPR}')") == [(None,)]
    world.change('layout = "tables"', 'layout = "gdppr"')
    world.change(
        '"registration_token", "sex"', '"registration_token", "practice_code", "extract_date", "supplier_format", "sex"'
    )
    world.release()
    assert ask(world, "SELECT count(*) FROM {gdppr}") == [(before,)]


def test_whoever_is_erased_is_out_of_the_layout_at_once(world):
    whose = tokens_of(
        token for (token,) in world.query("SELECT patient_token FROM records.patient WHERE year_of_birth = 1935")
    )
    assert entries(world, DIABETES) == [5, 41]
    with world.zone(ERASER) as zone, zone.store.begin() as connection:
        assert erase_from_release(zone, connection, whose) == 5  # on the list; patient, ethnicity, two problems
    assert entries(world, DIABETES) == [41]


def test_a_registration_that_is_there_twice_is_not_let_in(world):
    """Each of its entries would count twice."""
    released = f"release.{USE}__patient"
    with pytest.raises(IntegrityError):
        world.query(f"INSERT INTO {released} SELECT * FROM {released} LIMIT 1 RETURNING 1")
