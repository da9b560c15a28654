"""A gate lets some registrations through. Whom it let through is held against whom it had to, everybody by name.

What is said of a difference is how many there are of whose story: never whose.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from support.histories_lived import WHO, HistoriesLived

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
    return named(lived, lived.sealed(night), "source_token")


@dataclass(frozen=True, slots=True)
class Books:
    """What must have become of people by the end of a night, by the answer sheets alone, if opt-outs are upheld each night."""

    held: People  # whose records may be held anywhere
    erased: People  # who were erased, and have not come back whole
    back: People  # who were erased once and opted in again on this very night


def books(lived: HistoriesLived, night: int) -> Books:
    """Who is erased is not held; who opts in again is held again, whole, from the night on which they do."""
    nobody = lived.expected[1].select(WHO).clear()
    now = Books(nobody, nobody, nobody)
    for each in range(1, night + 1):
        out, free = opted_out(lived, each), may_leave(lived, each)
        held = pl.concat([now.held, with_rows_to_send(lived, each)]).unique()
        erased = pl.concat([now.erased, held.join(out, on=WHO, how="semi")]).unique()
        back = erased.join(free, on=WHO, how="semi")
        held = pl.concat([held.join(out, on=WHO, how="anti"), back]).unique()
        now = Books(held, erased.join(back, on=WHO, how="anti"), back)
    return now


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
