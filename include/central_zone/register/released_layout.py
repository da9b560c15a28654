"""In which layout a data use gets its tables: our own, or, beside them, one that existing research code was written for."""

from collections.abc import Collection, Mapping

from central_zone.store.gdppr.layout import ENTRIES, NAME, NEEDED
from crossing.policy import PolicyRefused

OUR_OWN = "tables"
LAYOUTS = (OUR_OWN, NAME)
_BESIDE = {"patient": frozenset({"practice_code", "extract_date", "supplier_format"})}


def known_layout(asked: str, where: str) -> str:
    """Raises PolicyRefused for a layout that nobody knows."""
    if asked not in LAYOUTS:
        raise PolicyRefused(f"{where}: layout is not one of {list(LAYOUTS)}.")
    return asked


def beside_the_record(table: str, layout: str) -> frozenset[str]:
    """Further columns that may be listed: GDPPR tells where a record is held, and by which extract it came."""
    return _BESIDE.get(table, frozenset()) if layout == NAME else frozenset()


def check_layout(layout: str, tables: Mapping[str, Collection[str]], where: str) -> None:
    """Raises PolicyRefused for a layout that the listed columns do not allow."""
    if layout != NAME:
        return
    lacking = sorted(
        f"{table}.{column}"
        for table, needed in NEEDED.items()
        if table in tables
        for column in needed - set(tables[table])
    )
    if "patient" not in tables or not set(ENTRIES) & set(tables):
        lacking.append("patient and a table of coded entries")
    if lacking:
        raise PolicyRefused(
            f"{where}: the layout {NAME} cannot be made without {', '.join(lacking)}: entries would count twice, or count "
            f'though they never happened. List them, or say layout = "{OUR_OWN}".'
        )
