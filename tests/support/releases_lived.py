"""The third gate of nights lived: national allow lists, a release a night, and who has to be in it."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from support.books import WHO
from support.centre_lived import say_who_is_allowed
from support.gates import in_the_books
from support.histories_lived import HistoriesLived

DAYS_GOOD, DAYS_GOOD_AT_ONE = 20, 5
DAYS_LATER = 10  # when one practice's list has expired
CHANGES_ON = 3  # the night on which more people opt out nationally
NIGHTS = (1, 2, 3, 4)
PATIENTS = int(os.environ.get("GP_HISTORIES_PATIENTS", "1300"))  # on each of four lists; twice as many in make rehearse
Rows = dict[bytes, tuple[int, int]]  # the project's token of a person -> patient rows, observations


@dataclass(slots=True)
class ReleasesLived:
    """By night, what a reader of the release finds: before anybody decided it anew, and after."""

    lived: HistoriesLived
    after_erasing: dict[int, Rows] = field(default_factory=dict, repr=False)
    found: dict[int, Rows] = field(default_factory=dict, repr=False)
    later: Rows = field(default_factory=dict, repr=False)

    def live(self, night: int) -> None:
        """The lists of every practice, then a release."""
        lived, centre = self.lived, self.lived.central_zone()
        self.after_erasing[night] = centre.released() if night > 1 else {}
        tokens = in_the_books(lived, night).join(lived.tokens(), on=WHO).drop_nulls("person_source")
        for code in lived.formats:
            here = tokens.filter(practice_code=code)
            asked = zip(here["person"], here["person_source"], strict=True)
            allowed = {token for person, token in asked if not objects_nationally(person, night)}
            good_for = DAYS_GOOD_AT_ONE if code == self.expires_first else DAYS_GOOD
            say_who_is_allowed(lived.release(code, "lists"), sorted(allowed), sequence=night, good_for=good_for)
        centre.take_notices()
        centre.release()
        self.found[night] = centre.released()

    def live_on(self) -> None:
        """Nothing happens but that days go by."""
        self.lived.central_zone().release(DAYS_LATER)
        self.later = self.lived.central_zone().released()

    @property
    def expires_first(self) -> str:
        return min(self.lived.formats)

    def expected(self, night: int, *, later: bool = False) -> Rows:
        """Everybody who has to be in the store, can be told apart, was checked lately and did not opt out.

        And all there is of them: what the store has of each is held against a slow reading elsewhere.
        """
        checked = [code for code in self.lived.formats if not (later and code == self.expires_first)]
        there = self._in_store(night).filter(
            pl.col("practice_code").is_in(checked) & ~pl.col("person").is_in(self.objecting(night))
        )
        return _rows(there.select("person_project", "observations").iter_rows())

    def left_over(self, night: int) -> Rows:
        """Of yesterday's release, whoever was not erased since: nobody waits for the next one to be gone."""
        erased = pl.DataFrame(sorted(self.lived.books.erased[night]), schema=WHO, orient="row")
        gone = set(self.lived.tokens().join(erased, on=WHO)["person_project"].drop_nulls())
        return {token: rows for token, rows in self.found[night - 1].items() if token not in gone}

    def objecting(self, night: int) -> list[int]:
        people = self.lived.expected[night]["person"].unique()
        return [each for each in people if objects_nationally(each, night)]

    def _in_store(self, night: int) -> pl.DataFrame:
        tokens = self.lived.tokens().drop_nulls("person_project").rename({"store_token": "token"})
        there = in_the_books(self.lived, night).join(tokens, on=WHO)
        return there.join(self.lived.today[night], on=["practice_code", "token"], how="left").fill_null(0)


def objects_nationally(person: int, night: int) -> bool:
    """One in twenty from the start, and one more in fifty later."""
    drawn = int.from_bytes(hashlib.sha256(b"%d" % person).digest()[:4]) % 1_000
    return drawn < 50 or (night >= CHANGES_ON and drawn < 70)


def differing(expected: Rows, found: Rows) -> Counter[str]:
    """How many people are in one and not the other, or with other rows."""
    told = Counter[str]()
    told["let through"] = len(found.keys() - expected.keys())
    told["held back"] = len(expected.keys() - found.keys())
    told["not whole"] = sum(expected[each] != found[each] for each in expected.keys() & found.keys())
    return +told


def _rows(registrations: Iterable[tuple[bytes, int]]) -> Rows:
    patients, observations = Counter[bytes](), Counter[bytes]()
    for token, many in registrations:
        patients[token] += 1
        observations[token] += many
    return {token: (patients[token], observations[token]) for token in patients}
