"""Finding objections in a stream of rows: every entry that is, was or may have been a dissent or a withdrawal."""

from collections.abc import Iterable

import polars as pl
import pyarrow as pa

from source_zone.code_forms import five_byte
from source_zone.identified import IdentifiedBatch

CONSENTS = pa.schema(
    [
        ("registration_id", pa.string()),
        ("record_id", pa.string()),
        ("meaning", pa.string()),  # dissent | withdrawal | none (an entry whose code was changed to something else)
        ("effective_date", pa.date32()),
        ("recorded_at", pa.timestamp("us")),
        ("is_deleted", pa.bool_()),
    ]
)

_CODE_COLUMNS = ("snomed_concept_id", "read_v2_code", "ctv3_code", "local_code")
_MAY_BE_AMENDED = ("observation", "immunisation", "allergy")  # tables whose rows carry the code of their own record


class Objections:
    """Looks in every coded table. A tombstone or an amendment carries no consent code, so a row whose record once held
    one is kept too; but not from tables that only extend a record, since their silence says nothing about its code.
    """

    def __init__(self, consent_codes: dict[str, str], remembered: pa.Table) -> None:
        self._codes = consent_codes
        self._known = set(remembered.column("record_id").to_pylist())
        self._found: list[pa.Table] = []

    def look_at(self, table: str, rows: pa.RecordBatch) -> None:
        if "snomed_concept_id" not in rows.schema.names:
            return
        frame = pl.DataFrame(pl.from_arrow(rows)).with_columns(self._meaning().alias("meaning"))
        of_interest = pl.col("meaning").is_not_null()
        if table in _MAY_BE_AMENDED:
            of_interest |= pl.col("record_id").is_in(list(self._known))
        kept = frame.filter(of_interest)
        if kept.height:
            found = kept.select(CONSENTS.names).to_arrow().cast(CONSENTS)
            self._known.update(found.column("record_id").to_pylist())
            self._found.append(found)

    def _meaning(self) -> pl.Expr:
        """A code counts in whichever column it stands: suppliers put CTV3 where Read belongs."""
        forms = [form for each in _CODE_COLUMNS for form in (pl.col(each), five_byte(each))]
        return pl.coalesce(*(form.replace_strict(self._codes, default=None) for form in forms))

    def found(self) -> pa.Table:
        """In order of arrival; columns as in opt_outs.CONSENTS."""
        return pa.concat_tables([CONSENTS.empty_table(), *self._found])


def objections_in(batches: Iterable[IdentifiedBatch], consent_codes: dict[str, str], remembered: pa.Table) -> pa.Table:
    """All objections of one extract, read for nothing else."""
    objections = Objections(consent_codes, remembered)
    for batch in batches:
        objections.look_at(batch.table, batch.rows)
    return objections.found()
