"""The practice's patients, made of three tables: who somebody is, where they are registered, where they live.

A night brings the lines that changed. Whoever has a changed line in any of the three is described anew.
"""

from dataclasses import dataclass, field

import polars as pl

from source_zone.adapters.reading import flag
from source_zone.adapters.tpp_csv import words as tpp_words
from source_zone.adapters.tpp_csv.kept import Meanings
from source_zone.adapters.tpp_csv.reading import day, something, unreadable, with_days

PERSON = ("NHSNumber", "DateBirth", "DateDeath", "Gender", "TestPatient")
REGISTRATION = ("DateRegistration", "DateDeRegistration", "RegistrationStatus", "IDPatient", "IDOrganisation")
ADDRESS = ("DateEvent", "DateTo", "AddressType", "FullPostCode", "IDPatient")
_DATES = ("DateBirth", "DateDeath", "DateRegistration", "DateDeRegistration")
_GMS = "regular"


@dataclass(frozen=True, slots=True)
class People:
    """The three tables as they stand, and whom a line of this night is about."""

    people: pl.DataFrame = field(repr=False)
    registrations: pl.DataFrame = field(repr=False)
    addresses: pl.DataFrame = field(repr=False)
    touched: pl.DataFrame = field(repr=False)  # patient

    def earlier_practices(self) -> pl.DataFrame:
        """At which GP practices each patient was ever registered: their record there is part of the record here."""
        gms = _with_type(self.registrations).filter(pl.col("registration_type") == _GMS)
        return gms.select("IDPatient", "IDOrganisation").drop_nulls()

    def own(self, practice_code: str, meanings: Meanings) -> pl.DataFrame:
        """The practice's own patients, one row each: those with a registration here."""
        here = _with_type(self.registrations).filter(pl.col("IDOrganisation") == practice_code)
        here = with_days(here, "DateRegistration")
        present = here.sort(
            pl.col("DateDeRegistration").is_null(),
            pl.col("registration_type") == _GMS,
            day("DateRegistration"),
            nulls_last=False,
            maintain_order=True,
        ).unique("IDPatient", keep="last", maintain_order=True)
        present = present.select(*REGISTRATION, "registration_type")
        homes = _homes(self.addresses, meanings)
        joined = self.people.join(
            present, left_on="RowIdentifier", right_on="IDPatient", how="inner", maintain_order="left"
        )
        return joined.join(homes, left_on="RowIdentifier", right_on="IDPatient", how="left", maintain_order="left")

    def is_touched(self, own: pl.DataFrame) -> pl.Series:
        """Whether a line of this night is about each, changed or not: a supplier who sends again wants it taken again."""
        return own["RowIdentifier"].is_in(self.touched["patient"].unique().implode())


def differs(own: pl.DataFrame, before: pl.DataFrame) -> pl.Series:
    """Whether each is described otherwise than before, or for the first time."""
    same = before.unique().with_columns(pl.lit(True).alias("same"))
    joined = own.join(same, on=own.columns, how="left", nulls_equal=True, maintain_order="left")
    return joined["same"].is_null()


def mapped(own: pl.DataFrame) -> pl.DataFrame:
    """In canonical form. Nobody is marked confidential: policy/tpp_csv_practices.csv says who answers for that."""
    patient = pl.concat_str(pl.lit("SRPatient/"), pl.col("RowIdentifier"))
    sex = {cell: tpp_words.exactly(cell, tpp_words.SEX) for cell in own["Gender"].drop_nulls().unique().to_list()}
    return with_days(own, *_DATES).select(
        patient.alias("record_id"),
        patient.alias("registration_id"),
        pl.lit(False).alias("is_deleted"),
        tpp_words.by_its_distinct(pl.col("Gender"), sex).alias("sex"),
        pl.col(day("DateRegistration")).alias("registered_date"),
        pl.col(day("DateDeRegistration")).alias("registration_end_date"),
        pl.col("registration_type"),
        something("NHSNumber").alias("nhs_number"),
        pl.col(day("DateBirth")).alias("date_of_birth"),
        pl.col(day("DateDeath")).alias("date_of_death"),
        pl.col("FullPostCode").alias("postcode"),
        flag("TestPatient").alias("is_test_patient"),
        pl.lit(False).alias("is_confidential"),
        pl.when(unreadable(*_DATES)).then(pl.lit("unreadable_date")).alias("fault"),
    )


def removed(patients: pl.DataFrame) -> pl.DataFrame:
    patient = pl.concat_str(pl.lit("SRPatient/"), pl.col("RowIdentifier"))
    return patients.select(
        patient.alias("record_id"),
        patient.alias("registration_id"),
        pl.lit(True).alias("is_deleted"),
        pl.lit(False).alias("is_confidential"),
    )


def _with_type(registrations: pl.DataFrame) -> pl.DataFrame:
    said = registrations["RegistrationStatus"].drop_nulls().unique().to_list()
    meaning = {status: tpp_words.registration_type(status) for status in said}
    ours = tpp_words.by_its_distinct(pl.col("RegistrationStatus"), meaning)
    return registrations.with_columns(ours.alias("registration_type"))


def _homes(addresses: pl.DataFrame, meanings: Meanings) -> pl.DataFrame:
    """Each patient's present home, else the best there is: open before closed, home before any other, then the latest."""
    kinds = meanings.of_cells(addresses["AddressType"], {tpp_words.HOME_ADDRESS: tpp_words.HOME_ADDRESS})
    is_home = tpp_words.by_its_distinct(pl.col("AddressType"), kinds) == tpp_words.HOME_ADDRESS
    ordered = with_days(addresses, "DateEvent").sort(
        pl.col("DateTo").is_null(), is_home.fill_null(False), day("DateEvent"), nulls_last=False, maintain_order=True
    )
    best = ordered.unique("IDPatient", keep="last", maintain_order=True)
    return best.filter(pl.col("IDPatient").is_not_null()).select("IDPatient", "FullPostCode")
