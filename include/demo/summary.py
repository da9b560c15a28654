"""What the demonstration prints about a night: counts only, as each zone keeps them."""

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

from demo.nights import Night
from demo.places import Places

CERTIFICATES = "central/receipts/*.certificate.json"
_HEAD = ("practice", "state", "read", "held back", "quarantined", "loaded", "seconds")
_WIDTHS = (10, 16, 9, 11, 13, 9, 9)


def night_in_words(night: Night) -> Iterator[str]:
    """A table of the practices, then why rows were held back, and what failed."""
    runs = f"collect {night.collect}, load {night.load}, opt-outs upheld {night.uphold}, register {night.publish}"
    yield f"Night {night.number}: {runs}; {night.seconds:.0f} s"
    yield _line(_HEAD)
    parcels = {parcel["parcel_id"]: parcel for parcel in night.parcels}
    for practice in night.practices:
        yield _line(_row(practice, [parcels[each] for each in practice.get("parcels", []) if each in parcels]))
    yield from _reasons(night)
    for practice in night.practices:
        if "error" in practice:
            yield f"  {practice['practice_code']} failed at {practice['step']}: {practice['error']}"
    if night.erased:
        yield f"  erased: people of {len(night.erased)} practices who opted out after their records had left; see {CERTIFICATES}"
    yield ""


def last_words(nights: list[Night], places: Places) -> Iterator[str]:
    """What to make of it, and where to look."""
    failed = [practice["practice_code"] for practice in nights[0].practices if practice["state"] == "failed"]
    caught_up = [practice["practice_code"] for practice in nights[-1].practices if practice["state"] == "released"]
    for code in sorted(set(failed) & set(caught_up)):
        yield f"Night 1's run is red on purpose: {code}'s file was cut off. It alone failed; on night 2 it caught up."
    yield f"Every record is synthetic. The register of what was done: {places.register / 'index.html'}"


def _row(practice: dict[str, Any], parcels: list[dict[str, Any]]) -> tuple[str, ...]:
    if practice["state"] != "released":
        return (practice["practice_code"], practice["state"], "", "", "", "", "")
    refused = sum(sum(_rules(parcel).values()) for parcel in parcels)
    quarantined = sum(practice["quarantined"].values()) + refused
    loaded = sum(sum((parcel["rows_loaded"] or {}).values()) for parcel in parcels)
    seconds = practice["seconds"] + sum(sum((parcel["seconds"] or {}).values()) for parcel in parcels)
    counts = (practice["read"], sum(practice["held_back"].values()), quarantined, loaded)
    return (practice["practice_code"], _state(parcels), *(f"{count:,}" for count in counts), f"{seconds:.1f}")


def _state(parcels: list[dict[str, Any]]) -> str:
    return " ".join(sorted({parcel["state"] for parcel in parcels})) or "released"


def _reasons(night: Night) -> Iterator[str]:
    released = [practice for practice in night.practices if practice["state"] == "released"]
    held, quarantined = Counter[str](), Counter[str]()
    for practice in released:
        held.update(practice["held_back"])
        quarantined.update(practice["quarantined"])
    sealed = {parcel for practice in released for parcel in practice["parcels"]}
    for parcel in night.parcels:
        quarantined.update(_rules(parcel) if parcel["parcel_id"] in sealed else {})
    yield from _in_order("held back", held)
    yield from _in_order("quarantined", quarantined)


def _rules(parcel: dict[str, Any]) -> Counter[str]:
    rules = Counter[str]()
    for by_rule in (parcel["rows_quarantined"] or {}).values():
        rules.update(by_rule)
    return rules


def _in_order(title: str, counts: Counter[str]) -> list[str]:
    words = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common()) or "none"
    return textwrap.wrap(words, 110, initial_indent=f"  {title}: ".ljust(15), subsequent_indent=" " * 15)


def _line(cells: tuple[str, ...]) -> str:
    first = "".join(cell.ljust(width) for cell, width in zip(cells[:2], _WIDTHS[:2], strict=True))
    return "  " + first + "".join(cell.rjust(width) for cell, width in zip(cells[2:], _WIDTHS[2:], strict=True))
