"""The books of nights lived: who must be where by the end of each, by the answer sheets alone, patient by patient.

It shares no code with either zone: sets of registrations, and the rules in the order in which a night goes by.
"""

from dataclasses import dataclass, field

import polars as pl

WHO = ["practice_code", "local_id"]
WHOLE = True
Key = tuple[str, str]
Sent = tuple[tuple[int, bool], ...]  # nights on which something came in, and whether it was all there is


@dataclass(slots=True)
class Books:
    """Kept night by night."""

    sent: set[Key] = field(default_factory=set, repr=False)  # may have left, and were not erased since
    words: dict[int, set[Key]] = field(default_factory=dict, repr=False)  # person -> registrations whose word stands
    named: set[Key] = field(default_factory=set, repr=False)  # registrations that a notice named, until they come back
    reached: set[Key] = field(default_factory=set, repr=False)  # erased or kept out by another registration's word
    there: dict[Key, Sent] = field(default_factory=dict, repr=False)
    in_store: dict[int, dict[Key, Sent]] = field(default_factory=dict, repr=False)  # by night
    erased: dict[int, set[Key]] = field(default_factory=dict, repr=False)  # named by a notice of the night
    back: dict[int, set[Key]] = field(default_factory=dict, repr=False)  # sent whole on the night

    def keep(self, sheet: pl.DataFrame, night: int) -> None:
        """One night, of which the sheet says what is decided if opt-outs are upheld every night."""
        person = dict(zip(keys(sheet), sheet["person"].to_list(), strict=True))
        leaves = set(keys(sheet.filter(decision="may_leave")))
        self.back[night] = set(keys(sheet.filter(decision="awaits_whole_record")))
        self._let_in(set(keys(sheet.filter((pl.col("decision") == "may_leave") & (pl.col("rows") > 0)))), person, night)
        self.sent |= leaves
        self._erase(self.sent & set(keys(sheet.filter("opted_out"))), person, night)
        for each in self.back[night]:
            self.named.discard(each)
            self.words.get(person[each], set()).discard(each)
        for each in self.back[night]:
            self._come_whole(each, person[each], night)
        self.sent |= self.back[night]
        self.in_store[night] = dict(self.there)

    def _let_in(self, brought: set[Key], person: dict[Key, int], night: int) -> None:
        for each in brought - self.reached:
            if self.words.get(person[each]):
                self.reached.add(each)
            else:
                self.there[each] = (*self.there.get(each, ()), (night, not WHOLE))

    def _erase(self, named: set[Key], person: dict[Key, int], night: int) -> None:
        """An objection where something was sent reaches the person, wherever else they are registered."""
        self.erased[night] = named
        self.named |= named
        people = {person[each] for each in named if person[each] >= 0}
        for each in named:
            if person[each] >= 0:
                self.words.setdefault(person[each], set()).add(each)
        gone = named | {each for each in self.there if person[each] in people}
        self.reached |= gone - named
        for each in gone:
            self.there.pop(each, None)
        self.sent -= named

    def _come_whole(self, each: Key, person: int, night: int) -> None:
        if self.words.get(person):
            self.reached.add(each)
        else:
            self.reached.discard(each)
            self.there[each] = ((night, WHOLE),)


def as_upheld(sheet: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """The sheet of a night if opt-outs were upheld on all before: who was free then was sent whole, and waits no more."""
    free = sheet.with_columns(free=pl.col("decision").is_in(["may_leave", "awaits_whole_record"]))
    if before is None:
        return free
    both = free.join(before.select(*WHO, pl.col("free").alias("was_free")), on=WHO, how="left", maintain_order="left")
    waits = pl.when(pl.col("was_free").not_()).then(pl.lit("awaits_whole_record")).otherwise(pl.lit("may_leave"))
    return both.with_columns(decision=pl.when("free").then(waits).otherwise("decision")).drop("was_free")


def keys(people: pl.DataFrame) -> list[Key]:
    return list(people.select(WHO).iter_rows())  # type: ignore[arg-type]  # two columns of text
