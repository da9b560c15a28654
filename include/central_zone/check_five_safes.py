"""Do the Five Safes hold today? Everything that does not is told at once, so that it can be mended at once."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, exists, select

from central_zone.errors import NotOnTheRegister, ReleaseNotSafe
from central_zone.register.contents import use_as_published
from central_zone.register.data_use import DataUse
from central_zone.register.five_safes import FiveSafes
from central_zone.store.tables import parcel
from crossing.policy import Collection


def check_five_safes(use: DataUse, safes: FiveSafes, collection: Collection, today: date) -> None:
    """Raises ReleaseNotSafe with every reason why not."""
    faults = [*_people(use, safes, today), *_project(use, safes, today), *_data(safes, collection)]
    if faults:
        raise ReleaseNotSafe(
            f"{use.id}: nothing was released. {'; '.join(faults)}. Correct policy/data_uses/{use.id}.toml."
        )


def check_only_synthetic(connection: Connection, use: DataUse, safes: FiveSafes) -> None:
    """A demonstration has no legal ground: one real parcel in the store, and it is refused."""
    real = exists().where(parcel.c.collection == use.collection, parcel.c.synthetic.is_(False))
    if safes.is_synthetic and connection.execute(select(real)).scalar_one():
        raise ReleaseNotSafe(
            f"{use.id}: nothing was released. It is a demonstration without a legal ground, and the store holds parcels "
            "that are not synthetic."
        )


def check_on_register(use: DataUse, register_folder: Path) -> None:
    """Whether the public can read of this use today, word for word as policy has it. Raises NotOnTheRegister."""
    if _published(use, register_folder) != use_as_published(use):
        raise NotOnTheRegister(
            f"{use.id}: nothing was released, because the register does not tell of this use, or not as policy has it now. "
            "Publish the register first: run publish_register, or gp-central register build."
        )


def _published(use: DataUse, register_folder: Path) -> Any:
    try:
        said = json.loads((register_folder / "register.json").read_bytes())
        return next(entry for entry in said["data_uses"] if entry["id"] == use.id)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None


def _people(use: DataUse, safes: FiveSafes, today: date) -> Iterator[str]:
    late = sum(1 for person in safes.people if person.accredited_until < today)
    if late:
        yield f"safe people: the accreditation of {late} of {len(safes.people)} has run out"
    if not safes.is_synthetic and use.fields["accredited_researcher_status"] != "Yes":
        yield "safe people: accredited_researcher_status is not Yes"


def _project(use: DataUse, safes: FiveSafes, today: date) -> Iterator[str]:
    days = {name: use.fields[name] for name in ("latest_approval_date", "project_start_date", "project_end_date")}
    missing = sorted(name for name, day in days.items() if not day)
    if missing:
        yield f"safe project: {', '.join(missing)} not given"
        return
    approved, start, end = (date.fromisoformat(day) for day in days.values())
    if approved > today:
        yield "safe project: not approved yet"
    if not start <= today <= end:
        yield "safe project: today is outside its dates"
    if not safes.contract.signed_on <= today <= safes.contract.until:
        yield "safe project: the contract is not in force"
    if safes.review.on > today:
        yield "safe project: the independent review is dated in the future"
    if use.opt_out and use.opt_out.evidence and use.opt_out.evidence.on > today:
        yield "safe project: the evidence of the exemption is dated in the future"


def _data(safes: FiveSafes, collection: Collection) -> Iterator[str]:
    if not safes.tables:
        yield "safe data: no table is listed"
    if safes.is_synthetic and not collection.synthetic_only:
        yield f"safe data: a demonstration on synthetic records, but {collection.id} may hold real ones"
