"""A patient's snapshot once it is whole: whose its rows are, and which problem each entry belongs to."""

from collections.abc import Iterable

from crossing.errors import PersonMustAct

Cells = dict[str, str]
OF_PROBLEM = " problem"  # the problem of an entry, by its links; no attribute can be called so
CAN_HAVE_A_PROBLEM = frozenset({"observation", "immunisation", "allergy", "medication"})
_NOT_DELETED = frozenset({"", "0", "false", "no"})


class SnapshotMixed(PersonMustAct):
    """The rows of a snapshot are not all of one patient. The text says the rule and holds no value."""


def settle(rows: Iterable[tuple[str, Cells]]) -> tuple[int, int]:
    """Gives rows that name no registration their snapshot's, and linked entries their problem.

    Returns how many problem links there were whose entry is here, and how many others. Raises SnapshotMixed.
    """
    patients, named, nameless, links = set[str](), set[str](), list[Cells](), list[Cells]()
    for table, cells in rows:
        if table == "patient":
            patients.add(cells.get("id", ""))
            continue
        whose = cells.get("registration_id")
        if whose:
            named.add(whose)
        else:
            nameless.append(cells)
        if table == "problem_link":
            links.append(cells)
    _give_a_name(nameless, patients, named)
    return _apply(links, rows)


def _give_a_name(nameless: list[Cells], patients: set[str], named: set[str]) -> None:
    """An objection without a registration must not be lost, and nobody may be given another's."""
    if patients and not named <= patients:
        raise SnapshotMixed("a row of a snapshot names a registration that is not its patient's")
    whose = (patients | named) - {""}
    if nameless and len(whose) > 1:
        raise SnapshotMixed("a row of a snapshot names no registration, and the snapshot has several")
    for cells in nameless:
        cells["registration_id"] = next(iter(whose), "")


def _apply(links: list[Cells], rows: Iterable[tuple[str, Cells]]) -> tuple[int, int]:
    if not links:
        return 0, 0
    ids = {cells.get("id", "") for table, cells in rows if table in CAN_HAVE_A_PROBLEM}
    here = [link for link in links if link.get("event_id", "") in ids]
    problem_of: dict[str, str] = {}
    for link in here:
        if link.get("deletion_flag", "").lower() in _NOT_DELETED:
            problem_of.setdefault(link.get("event_id", ""), link.get("problem_id", ""))
    for table, cells in rows:
        if table in CAN_HAVE_A_PROBLEM:
            cells[OF_PROBLEM] = problem_of.get(cells.get("id", ""), "")
    return len(here), len(links) - len(here)
