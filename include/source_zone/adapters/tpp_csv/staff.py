"""Staff and organisations: the type of staff, never the person."""

from dataclasses import dataclass, field

import polars as pl

from source_zone.adapters.tpp_csv.kept import is_removed
from source_zone.adapters.tpp_csv.reading import reference

PROFILE = ("IDStaffMember", "IDOrganisation", "DateEmploymentEnd")
ROLE = ("RoleDescription",)
ORGANISATION = ("ID",)
_JOB_ROLE = r"\b(R\d{4})\b"  # the national job role code, where the description of a role holds it


@dataclass(frozen=True, slots=True)
class Staff:
    """Who did something where -> which of their profiles, and so their role."""

    profiles: pl.DataFrame = field(repr=False)

    def join(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Adds `staff_role_id`, from who did it and where."""
        present = (
            self.profiles.sort(pl.col("DateEmploymentEnd").is_null(), maintain_order=True)
            .unique(["IDStaffMember", "IDOrganisation"], keep="last", maintain_order=True)
            .select(
                pl.col("IDStaffMember").alias("IDDoneBy"),
                pl.col("IDOrganisation").alias("IDOrganisationDoneAt"),
                reference("SRStaffMemberProfile", "RowIdentifier").alias("staff_role_id"),
            )
        )
        return rows.join(present, on=["IDDoneBy", "IDOrganisationDoneAt"], how="left", maintain_order="left")


def staff_roles(rows: pl.DataFrame, roles: pl.DataFrame) -> pl.DataFrame:
    codes = roles.select(
        pl.col("RowIdentifier").alias("IDStaffMemberProfileRole"),
        pl.col("RoleDescription").str.extract(_JOB_ROLE).alias("job_category_code"),
    )
    joined = rows.join(codes, on="IDStaffMemberProfileRole", how="left", maintain_order="left")
    return joined.select(
        reference("SRStaffMemberProfile", "RowIdentifier").alias("record_id"),
        is_removed().alias("is_deleted"),
        "job_category_code",
        pl.lit(False).alias("is_confidential"),
    )


def organisations(rows: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Other tables name an organisation by its ODS code, a removal only by the row's number. Those with no code

    are thousands, and nothing leads to them: they are left out, and counted by the caller.
    """
    codes = known.select("RowIdentifier", pl.col("ID").alias("known_code"))
    joined = rows.join(codes, on="RowIdentifier", how="left", maintain_order="left")
    named = joined.with_columns(pl.coalesce("ID", "known_code").alias("code")).filter(pl.col("code").is_not_null())
    return named.select(
        reference("SROrganisation", "code").alias("record_id"),
        is_removed().alias("is_deleted"),
        pl.col("code").alias("ods_code"),
        pl.lit(False).alias("is_confidential"),
    )
