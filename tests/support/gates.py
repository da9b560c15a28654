"""A gate lets some registrations through. Whom it let through is held against whom it had to, everybody by name.

What is said of a difference is how many there are of whose story: never whose.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from support.books import WHO, Key
from support.histories_lived import HistoriesLived, taken_on
from support.slow_records import entries

People = pl.DataFrame  # practice_code, local_id
Find = Callable[[HistoriesLived, int], People]


@dataclass(frozen=True, slots=True)
class Gate:
    """Whom it had to let through by the end of a night, from the answer sheets alone, and whom it did."""

    name: str
    expected: Find
    found: Find


def differences(lived: HistoriesLived, night: int, expected: People, found: People) -> dict[str, int]:
    """Empty where they are the same."""
    let_through = found.join(expected, on=WHO, how="anti").with_columns(what=pl.lit("let through"))
    held_back = expected.join(found, on=WHO, how="anti").with_columns(what=pl.lit("held back"))
    both = pl.concat([each.select(*WHO, "what") for each in (let_through, held_back)])
    told = both.join(lived.expected[night], on=WHO, how="left").fill_null("on no answer sheet")
    counted = told.group_by("what", "story", "company").len().sort("len", "story", descending=[True, False])
    return {f"{what}: {story}, {company}": count for what, story, company, count in counted.iter_rows()}


def may_leave(lived: HistoriesLived, night: int) -> People:
    return lived.expected[night].filter(decision="may_leave").select(WHO)


def decided_to_leave(lived: HistoriesLived, night: int) -> People:
    return lived.decided[night].filter(decision="may_leave").select(WHO)


def with_rows_to_send(lived: HistoriesLived, night: int) -> People:
    """Who may leave, and has rows in the night's delivery that do."""
    return lived.expected[night].filter((pl.col("decision") == "may_leave") & (pl.col("rows") > 0)).select(WHO)


def sealed(lived: HistoriesLived, night: int) -> People:
    """Whose records are in the night's parcels; a token of nobody's is somebody on no answer sheet."""
    return named(lived, lived.sealed[night], "source_token")


def in_the_books(lived: HistoriesLived, night: int) -> People:
    """Who has to be in the store by the end of a night."""
    return _people(lived.books.in_store[night])


def in_any_table(lived: HistoriesLived, night: int) -> People:
    return named(lived, lived.in_any_table[night], "store_token")


def today_in_the_store(lived: HistoriesLived, night: int) -> People:
    """Of whom a reader of today's records would find a patient row, and whose it says it is."""
    found = lived.today[night].filter(pl.col("patients") == 1)
    known = lived.tokens().rename({"store_token": "token"})
    both = found.join(known, on=["practice_code", "token"], how="left")
    return both.filter(pl.col("person_token").eq_missing(pl.col("person_store"))).select(WHO)


def whole_by_a_slow_reading(lived: HistoriesLived, night: int) -> pl.DataFrame:
    """practice_code, local_id, entries: how many a reader has to find."""
    taken = {each: taken_on(each) for each in range(1, night + 1)}
    there = lived.books.in_store[night].items()
    many = [(*who, entries(*lived.slow[who[0]].history(who[1]), sent, taken)) for who, sent in there]
    return pl.DataFrame(many, schema=[*WHO, ("entries", pl.Int64)], orient="row")


def not_whole(lived: HistoriesLived, night: int) -> dict[str, int]:
    """Of whom the store has today more or fewer coded entries than it has to, by story."""
    known = lived.tokens().select("practice_code", "local_id", pl.col("store_token").alias("token"))
    # EMIS writes immunisations and allergies among the observations; files that others have of them nobody reads slowly.
    emis = [practice for practice, format in lived.formats.items() if format == "emis_csv"]
    many = pl.when(pl.col("practice_code").is_in(emis)).then("entries").otherwise("observations")
    found = lived.today[night].join(known, on=["practice_code", "token"]).select(*WHO, found=many)
    both = whole_by_a_slow_reading(lived, night).join(found, on=WHO, how="left")
    others = both.filter(pl.col("entries").ne_missing(pl.col("found")))
    told = others.join(lived.expected[night], on=WHO, how="left")
    counted = told.group_by("story", "company", "entries", "found").len()
    return {
        f"{story}, {company}: {found} for {many}": count for story, company, many, found, count in counted.iter_rows()
    }


def _people(keys: Iterable[Key]) -> People:
    return pl.DataFrame(sorted(keys), schema=dict.fromkeys(WHO, pl.String), orient="row")


def named(lived: HistoriesLived, tokens: pl.DataFrame, kind: str) -> People:
    """practice_code and token as practice_code and local_id. `kind`: source_token or store_token."""
    known = lived.tokens().select(*WHO, pl.col(kind).alias("token"))
    found = tokens.join(known, on=["practice_code", "token"], how="left")
    return found.with_columns(pl.col("local_id").fill_null(pl.lit("nobody's token"))).select(WHO)


def other_reasons(lived: HistoriesLived, night: int) -> dict[str, int]:
    """Of whom something else was decided than stands on the answer sheet, by story."""
    both = lived.expected[night].join(lived.decided[night], on=WHO, how="full", suffix="_found", coalesce=True)
    others = both.filter(pl.col("decision").ne_missing(pl.col("decision_found"))).fill_null("nothing")
    counted = others.group_by("story", "decision", "decision_found").len()
    return {f"{story}: {found} for {expected}": count for story, expected, found, count in counted.iter_rows()}


def opted_out(lived: HistoriesLived, night: int) -> People:
    return lived.expected[night].filter("opted_out").select(WHO)


def opted_out_slowly(lived: HistoriesLived, night: int) -> People:
    return lived.opted_out_slowly[night]


SLOWLY = Gate("the slow reading", opted_out, opted_out_slowly)
AT_THE_SOURCE = (
    Gate("the roster", may_leave, decided_to_leave),
    Gate("the sealed parcels", with_rows_to_send, sealed),
)
IN_THE_STORE = (
    Gate("the store", in_the_books, in_any_table),
    Gate("today in the store", in_the_books, today_in_the_store),
)
