"""How EMIS says that a record is deleted: who and which, and nothing else."""

from simulator.emis.layout import COLUMNS
from simulator.facts import NO_CODE, Rows
from simulator.texts import UNDATED, constant

_KEPT = ("PatientGuid", "OrganisationGuid")


def tombstones(rows: Rows) -> Rows:
    """The rows again, as deletions. The id of a record is always the first column of its file."""
    kept = (COLUMNS[rows.file][0], *_KEPT)
    columns = {name: rows.columns[name] for name in kept} | {"Deleted": constant("true", len(rows))}
    buried = Rows(file=rows.file, columns=columns, facts=rows.facts)
    return buried.with_facts(deleted=True, effective=UNDATED, look_back_day=UNDATED, code=NO_CODE)
