"""Who is to be erased, as one batch: what the notice says of them, and what the store knows besides."""

from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, text

from central_zone.erasures.marks import TOKEN, marks_of
from central_zone.errors import ParcelRefused
from central_zone.load import copy_rows
from crossing.canonical import TABLES, has_patient

OF_PATIENTS = tuple(table for table in TABLES if has_patient(table))
PEOPLE = pa.schema(
    {
        "registration_token": TOKEN,  # NULL where the store has nothing of the registration
        "patient_token": TOKEN,
        "registration_mark": TOKEN,
        "person_mark": TOKEN,  # NULL where the word reaches no further than the registration
        "up_to_sequence": pa.int32(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Whose word it is, and how far it reaches. The repr shows no token."""

    collection: str
    practice_code: str
    notice_id: str
    said_in: int
    reaches_the_person: bool
    people: pa.Table = field(repr=False)  # as PEOPLE


def each_once(rows: pa.Table) -> pa.Table:
    """The rows of a notice, one a registration, in an order that does not change from run to run.

    Raises ParcelRefused where one registration is said to be two people.
    """
    frame = pl.DataFrame(
        rows.cast(pa.schema([(f.name, pa.binary() if f.type == TOKEN else f.type) for f in rows.schema]))
    )
    together = frame.group_by("registration_token").agg(
        pl.col("patient_token").drop_nulls().unique().alias("patients"), pl.col("up_to_sequence").max()
    )
    if together.filter(pl.col("patients").list.len() > 1).height:
        raise ParcelRefused("The notice names one registration with two people. Report the source's software.")
    made = together.with_columns(patient_token=pl.col("patients").list.first()).sort("registration_token")
    return (
        made.select("registration_token", "patient_token", "up_to_sequence")
        .to_arrow()
        .cast(pa.schema({"registration_token": TOKEN, "patient_token": TOKEN, "up_to_sequence": pa.int32()}))
    )


def known(connection: Connection, word: Word, some: pa.Table, subkey: bytes) -> pa.Table:
    """Some people of a notice as PEOPLE: the patient as the store knows them where the notice does not say, and marks.

    Somebody of whom the practice sent rows again, after the place the notice names, has opted back in: that word is over,
    except for what came before it. So it reaches no further than the registration.
    """
    _ask(connection, some)
    asked = some["registration_token"].to_pylist()
    patients = _patients(connection, word.practice_code)
    back = _came_back(connection, word)
    said = zip(asked, some["patient_token"].to_pylist(), strict=True)
    of_whom = pa.array([patient or patients.get(token) for token, patient in said], TOKEN)
    reached = [
        patient if word.reaches_the_person and token not in back else None
        for token, patient in zip(asked, of_whom.to_pylist(), strict=True)
    ]
    columns = {
        "registration_token": some["registration_token"],
        "patient_token": of_whom,
        "registration_mark": marks_of(some["registration_token"], subkey),
        "person_mark": marks_of(pa.array(reached, TOKEN), subkey),
        "up_to_sequence": some["up_to_sequence"],
    }
    return pa.table(columns, schema=PEOPLE)


def _ask(connection: Connection, some: pa.Table) -> None:
    connection.execute(
        text("CREATE TEMPORARY TABLE asked (registration_token UUID, up_to_sequence INTEGER) ON COMMIT DROP")
    )
    copy_rows(connection, ("pg_temp", "asked"), some.select(["registration_token", "up_to_sequence"]).to_batches())
    connection.execute(text("ANALYZE pg_temp.asked"))


def _patients(connection: Connection, practice_code: str) -> dict[bytes, bytes]:
    """Registration -> person, by the latest word on each. An earlier number may have been somebody else's."""
    rows = connection.execute(
        text(
            "SELECT DISTINCT ON (registration_token) registration_token, patient_token "
            "FROM records.patient JOIN pg_temp.asked USING (registration_token) WHERE practice_code = :practice "
            "ORDER BY registration_token, parcel_number DESC, is_deleted DESC"
        ),
        {"practice": practice_code},
    )
    return {row.registration_token.bytes: row.patient_token.bytes for row in rows if row.patient_token}


def _came_back(connection: Connection, word: Word) -> set[bytes]:
    """Registrations of which the store holds rows of later parcels than the notice names."""
    whose = {"practice": word.practice_code, "collection": word.collection}
    later = connection.scalar(
        text(
            "SELECT EXISTS (SELECT FROM ledger.parcel WHERE collection = :collection AND practice_code = :practice "
            "AND state = 'loaded' AND sequence > (SELECT min(up_to_sequence) FROM pg_temp.asked))"
        ),
        whose,
    )
    found: set[bytes] = set()
    for table in OF_PATIENTS if later else ():
        statement = (
            f"SELECT DISTINCT r.registration_token FROM records.{table} AS r "  # noqa: S608 (a constant of ours)
            "JOIN pg_temp.asked AS a USING (registration_token) JOIN ledger.parcel AS p USING (parcel_number) "
            "WHERE r.practice_code = :practice AND p.collection = :collection AND p.sequence > a.up_to_sequence"
        )
        rows = connection.scalars(text(statement), whose)
        found |= {token.bytes for token in rows}
    return found
