"""TPP SystmOne's Strategic Reporting Extract: a folder of SR*.csv, every column named in policy/fields/tpp_csv.toml."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa

from crossing.errors import PersonMustAct
from crossing.policy import Policy
from source_zone.adapters.known_columns import KnownColumns
from source_zone.adapters.reading import FileRefused
from source_zone.adapters.tpp_csv import delivery as tpp_delivery
from source_zone.adapters.tpp_csv import patients as tpp_patients
from source_zone.adapters.tpp_csv import staff as tpp_staff
from source_zone.adapters.tpp_csv.codes import Ctv3Codes
from source_zone.adapters.tpp_csv.delivery import Delivery
from source_zone.adapters.tpp_csv.events import Events
from source_zone.adapters.tpp_csv.kept import ROW, Meanings, as_it_stands
from source_zone.adapters.tpp_csv.ownership import REGISTERED_AT, VISIBLE_TO, VISIBLE_TO_ANOTHER, Ownership
from source_zone.adapters.tpp_csv.patients import People
from source_zone.adapters.tpp_csv.reading import batch, stream_csv
from source_zone.adapters.tpp_csv.staff import Staff
from source_zone.adapters.tpp_csv.tables import Known
from source_zone.identified import Extract, IdentifiedBatch, ReadTally

DESCRIBED, TAKEN_AT = "described_patients", "last_extract_taken_at"
_PRACTICES = "tpp_csv_practices.csv"
_CONSENT_LIST = "codelists/type_one_opt_out.csv"


class MarkedNotHeldBack(PersonMustAct):
    """Nobody has answered for the practice's confidential records, which this format cannot mark."""


@dataclass(slots=True)
class TppCsv:
    """The adapter of one practice. `remembered` holds its reference tables and the numbers of its records."""

    practice_code: str
    policy: Policy
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "tpp_csv"
    today: date = field(default_factory=lambda: datetime.now(UTC).date())

    def find_extracts(self, folder: Path) -> list[Extract]:
        return tpp_delivery.find_extracts(self.practice_code, folder)

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        columns = KnownColumns.read(self.policy, self.name, self.today)
        delivery = Delivery.of(extract, columns)
        _check_marked_is_held_back(self.policy, self.practice_code)
        reading = _Reading(self.practice_code, columns, delivery, self.remembered, tally, extract.taken_at)
        yield from reading.read(_dissent_codes(self.policy))


def _check_marked_is_held_back(policy: Policy, practice_code: str) -> None:
    """The format has no mark for confidential patients or entries: the practice must have left them out itself."""
    rows = [row for row in policy.rows(_PRACTICES) if row["practice_code"] == practice_code]
    if len(rows) != 1 or rows[0]["supplier_holds_back_marked"] != "yes" or not rows[0]["reviewed_by"]:
        raise MarkedNotHeldBack(
            f"{practice_code}: policy/{_PRACTICES} does not say, in one reviewed row, that what is marked confidential is left "
            "out of the extract, which has no mark for it. Ask the practice; then have its row added."
        )


def _dissent_codes(policy: Policy) -> frozenset[str]:
    return frozenset(row["code"] for row in policy.rows(_CONSENT_LIST) if row["meaning"] == "dissent")


@dataclass(slots=True)
class _Reading:
    """One extract, while it is read."""

    practice_code: str
    columns: KnownColumns
    delivery: Delivery
    remembered: dict[str, pa.Table] = field(repr=False)
    tally: ReadTally
    taken_at: datetime

    def read(self, dissent_codes: frozenset[str]) -> Iterator[IdentifiedBatch]:
        mapping = Meanings.of(self._kept("SRMapping", ("Mapping",)), "Mapping")
        yield from self._organisations()
        yield from self._staff()
        people = self._people()
        yield from self._patients(people, mapping)
        ownership = Ownership(self.practice_code, people.earlier_practices())
        events = Events(self._known(mapping), ownership, self.tally, self.remembered, dissent_codes)
        for table in events.tables:
            columns = self.columns.to_read(table)
            yield from events.read(table, columns, self._stream(table), whole=self._is_whole(table))
        self._remember(TAKEN_AT, pl.DataFrame({TAKEN_AT: [max(self._last_taken_at(), self.taken_at.isoformat())]}))
        del self.tally.told_apart_by[TAKEN_AT]

    def _known(self, mapping: Meanings) -> Known:
        drugs = self._kept("SRMedicationReadCodeDetails", ("IDMultiLexProduct", "DrugReadCode"))
        return Known(
            codes=Ctv3Codes.of(
                self._kept("SRCtv3", ("Ctv3Code",)),
                self._kept("SRCtv3ToSnomed", ("Ctv3Code", "SnomedCode")),
                self._kept("SRCtv3ToVersion2", ("Ctv3Code", "Version2Code")),
            ),
            mapping=mapping,
            options=Meanings.of(
                self._kept("SRConfiguredListOption", ("ConfiguredListOption",)), "ConfiguredListOption"
            ),
            staff=Staff(self._earlier("SRStaffMemberProfile", (ROW, *tpp_staff.PROFILE))),
            drug_codes=drugs.select(pl.col("IDMultiLexProduct").alias("IDDrugCode"), "DrugReadCode")
            .drop_nulls()
            .unique("IDDrugCode", keep="last", maintain_order=True),
        )

    def _organisations(self) -> Iterator[IdentifiedBatch]:
        known = self._earlier("SROrganisation", (ROW, *tpp_staff.ORGANISATION))
        parts = []
        for rows in self._stream("SROrganisation"):
            parts.append(rows)
            told = tpp_staff.organisations(rows, known)
            if told.height < rows.height:
                self.tally.not_collected["organisation_without_code"] += rows.height - told.height
            yield batch("organisation", told)
        self._keep("SROrganisation", parts, tpp_staff.ORGANISATION)

    def _staff(self) -> Iterator[IdentifiedBatch]:
        roles = self._kept("SRStaffMemberProfileRole", tpp_staff.ROLE)
        parts = []
        for rows in self._stream("SRStaffMemberProfile"):
            parts.append(rows)
            yield batch("staff_role", tpp_staff.staff_roles(rows, roles))
        self._keep("SRStaffMemberProfile", parts, tpp_staff.PROFILE)

    def _people(self) -> People:
        tables = {
            "SRPatient": tpp_patients.PERSON,
            "SRPatientRegistration": tpp_patients.REGISTRATION,
            "SRPatientAddressHistory": tpp_patients.ADDRESS,
        }
        parts = {table: [self._own(rows) for rows in self._counted(table)] for table in tables}
        self._check_whose(parts["SRPatient"])
        touched = [
            rows.select(pl.col("RowIdentifier" if table == "SRPatient" else "IDPatient").alias("patient"))
            for table, frames in parts.items()
            for rows in frames
        ]
        kept = {table: self._keep(table, parts[table], columns) for table, columns in tables.items()}
        return People(
            people=kept["SRPatient"],
            registrations=kept["SRPatientRegistration"],
            addresses=kept["SRPatientAddressHistory"],
            touched=pl.concat([pl.DataFrame(schema={"patient": pl.String}), *touched]),
        )

    def _own(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Lines that do not say whose extract they are in describe nobody here: counted, and left."""
        ours = rows.filter((pl.col(VISIBLE_TO) == self.practice_code).fill_null(False))
        if ours.height < rows.height:
            self.tally.not_collected[VISIBLE_TO_ANOTHER] += rows.height - ours.height
        return ours

    def _check_whose(self, patients: list[pl.DataFrame]) -> None:
        if self.tally.not_collected[VISIBLE_TO_ANOTHER] and not any(rows.height for rows in patients):
            raise FileRefused(
                f"{self.practice_code}: every patient in this extract is another organisation's. "
                "Ask the supplier whose extract it is; check `connection` in policy/practices.csv."
            )

    def _patients(self, people: People, mapping: Meanings) -> Iterator[IdentifiedBatch]:
        """Whoever has a line in one of the three tables or is otherwise than before, and whoever is no more the practice's."""
        own = people.own(self.practice_code, mapping)
        before = self._earlier(DESCRIBED, tuple(own.columns))
        changed = own.filter(people.is_touched(own) | tpp_patients.differs(own, before))
        if changed.height:
            yield batch("patient", tpp_patients.mapped(changed))
        gone = before.join(own, on="RowIdentifier", how="anti", maintain_order="left")
        if gone.height and not self._is_late():
            yield batch("patient", tpp_patients.removed(gone))
        self._remember(DESCRIBED, own)

    def _kept(self, table: str, columns: tuple[str, ...]) -> pl.DataFrame:
        """A reference table as it stands tonight; it is remembered so, too."""
        return self._keep(table, self._counted(table), columns)

    def _keep(self, table: str, parts: Iterable[pl.DataFrame], columns: tuple[str, ...]) -> pl.DataFrame:
        stands = as_it_stands(self._remembered(table), parts, columns, whole=self._is_whole(table))
        self._remember(table, stands)
        return stands

    def _is_whole(self, table: str) -> bool:
        """Whether what the table lacks is gone. A full load taken after a newer one says nothing of what came since."""
        return not self.delivery.is_delta[table] and not self._is_late()

    def _is_late(self) -> bool:
        return self.taken_at.isoformat() < self._last_taken_at()

    def _last_taken_at(self) -> str:
        """Of the extracts before this one; empty where there is none."""
        return str(self._earlier(TAKEN_AT, (TAKEN_AT,))[TAKEN_AT].max() or "")

    def _counted(self, table: str) -> Iterator[pl.DataFrame]:
        for rows in self._stream(table):
            self.tally.reference_rows[table] += rows.height
            yield rows

    def _stream(self, table: str) -> Iterator[pl.DataFrame]:
        header = self.delivery.headers[table]
        for rows in stream_csv(self.delivery.files[table], list(header.to_read)):
            complete = header.complete(rows)
            if REGISTERED_AT in header.absent:  # the version lacks it; what the practice wrote itself is its own
                complete = complete.with_columns(pl.col("IDOrganisation").alias(REGISTERED_AT))
            yield complete

    def _earlier(self, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
        """What is remembered under a name, with just these columns; empty where nothing is."""
        table = self._remembered(name)
        if table is None:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        known = pl.DataFrame(pl.from_arrow(table))
        return known.with_columns(
            pl.lit(None, pl.String).alias(each) for each in columns if each not in known.columns
        ).select(columns)

    def _remembered(self, name: str) -> pa.Table | None:
        return self.tally.remembered.get(name, self.remembered.get(name))

    def _remember(self, name: str, rows: pl.DataFrame) -> None:
        self.tally.remembered[name] = rows.to_arrow()
        self.tally.told_apart_by[name] = (ROW,)
