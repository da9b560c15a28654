"""Makes synthetic practices' deliveries, night by night, with an answer sheet and a list of everything identifying."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator.answer import practice_truth
from simulator.calendar import START_DATE
from simulator.canaries import canaries
from simulator.deliver import Delivery
from simulator.facts import LOOK_BACK_YEARS
from simulator.formats import CHANGED_HEADER, CUT_FILE, Writer, writer
from simulator.histories.sheet import spelling
from simulator.practice import Size, practice

THE_LAST = -1  # the last practice, where there are four or more; otherwise none
TRUTH_NAME, CANARIES_NAME, HISTORIES_NAME = "truth.json", "canaries.json", "histories-{}.parquet"


def simulate(
    out: Path,
    *,
    format: str = "emis_csv",
    practices: int = 8,
    patients: int = 500,
    seed: int = 1,
    night: int = 1,
    cut_off: int | None = THE_LAST,
    changed_header: int | None = None,
    entries_per_patient: int = 500,
    first_practice: int = 1,
    trouble: bool = True,
    opted_out: float = 0,
    histories: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Writes the deliveries of one night into `out/<practice code>/` and returns a summary of counts.

    Also writes `out/truth.json` (what nights 1 to `night` must come to) and `out/canaries.json`. The same arguments
    give the same bytes. `cut_off` is the number of the practice whose delivery breaks off on night 1; `changed_header`
    of the one that sends a field nobody agreed this night. Either is delivered again, whole, the next night.
    `trouble=False` plants nothing that must be held back; `opted_out` is the share of patients who plainly dissent,
    beside planted trouble (in England some 0.05). `histories` gives every patient a generated history of opt-outs in
    place of planted trouble, and writes `out/histories-<night>.parquet`: what must be decided of each patient.
    Raises UnknownFormat, TooManyPatients and NoHistories.
    """
    size = Size(
        patients=patients,
        entries_per_patient=entries_per_patient,
        seed=seed,
        trouble=trouble and not histories,
        opted_out=opted_out,
        histories=histories,
    )
    numbers = range(first_practice, first_practice + practices)
    cut = _last_of(numbers, trouble=size.trouble) if cut_off == THE_LAST else cut_off
    return _night(out, format, size, numbers, night, (cut, changed_header), progress or _in_silence)


def _night(
    out: Path,
    format: str,
    size: Size,
    numbers: range,
    night: int,
    broken: tuple[int | None, int | None],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """`broken`: the practice whose delivery breaks off, and the one that sends a field nobody agreed."""
    earlier = _earlier_truth(out, size, _writer(format, size).name)
    cut, changed = broken
    deliveries, truths = [], {}
    for number in numbers:
        source = practice(number, size, nights=night)
        known = earlier.get(source.code)
        troubles = _troubles(known, night, cut=number == cut, changed=number == changed)
        deliveries.append(Delivery(out=out, source=source, writer=writer(format), troubles=troubles))
        truths[source.code] = practice_truth(deliveries[-1], night, known)
        progress(f"{source.code}: night {night}, {deliveries[-1].rows} rows")
    _write_sheets(out, _truth(size, format, truths), canaries((each.source for each in deliveries), night))
    if size.histories:
        pq.write_table(pa.concat_tables(each.sheet for each in deliveries), out / HISTORIES_NAME.format(night))
    return _summary(deliveries, night)


def _writer(format: str, size: Size) -> Writer:
    """Refuses early what the format cannot say."""
    found = writer(format)
    if size.histories:
        spelling(found.name)
    return found


def _in_silence(_: str) -> None:
    """Where nobody asked for progress."""


def _summary(deliveries: list[Delivery], night: int) -> dict[str, Any]:
    return {
        "night": night,
        "practices": len(deliveries),
        "patients": sum(len(each.source.roster) for each in deliveries),
        "files": sum(each.files for each in deliveries),
        "rows": sum(each.rows for each in deliveries),
        "bytes": sum(each.bytes for each in deliveries),
    }


def _last_of(numbers: range, *, trouble: bool) -> int | None:
    return numbers[-1] if trouble and len(numbers) >= 4 else None


def _troubles(earlier: dict[str, Any] | None, night: int, *, cut: bool, changed: bool) -> dict[int, str]:
    """On which nights the practice's delivery is broken, and how."""
    troubles = {1: CUT_FILE} if cut else {}
    if earlier is not None:
        nights = earlier["nights"].items()
        troubles |= {int(number): row["trouble"] for number, row in nights if row["trouble"] and int(number) < night}
    if changed and CHANGED_HEADER not in troubles.values() and night - 1 not in troubles:
        troubles[night] = CHANGED_HEADER
    return troubles


def _earlier_truth(out: Path, size: Size, format: str) -> dict[str, Any]:
    """The practices of an answer sheet made by an earlier night of the same simulation; nothing if there is none."""
    path = out / TRUTH_NAME
    if not path.exists():
        return {}
    truth = json.loads(path.read_text())
    same = all(truth.get(name) == value for name, value in _identity(size, format).items())
    practices: dict[str, Any] = truth["practices"] if same else {}
    return practices


def _identity(size: Size, format: str) -> dict[str, Any]:
    return {
        "seed": size.seed,
        "patients_per_practice": size.patients,
        "entries_per_patient": size.entries_per_patient,
        "planted_trouble": size.trouble,
        "opted_out": size.opted_out,
        "histories": size.histories,
        "format": format,
    }


def _truth(size: Size, format: str, practices: dict[str, Any]) -> dict[str, Any]:
    return {
        **_identity(size, format),
        "synthetic": True,
        "start_date": START_DATE.isoformat(),
        "look_back_years": LOOK_BACK_YEARS,
        "practices": practices,
    }


def _write_sheets(out: Path, truth: dict[str, Any], identifying: dict[str, list[str]]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    _write_json(out / TRUTH_NAME, truth)
    _write_json(out / CANARIES_NAME, identifying)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(content, indent=1) + "\n")
    draft.rename(path)
