"""TPP's words as ours. A word that is not here becomes one no closed list has, which leaves as "other" and is counted."""

import polars as pl

UNLISTED = "unlisted"

SEX = {"m": "male", "f": "female", "u": "not_known", "i": "not_specified"}
# What a registration is, the weightiest first: SystmOne may name several at once ("GMS,Contraception").
REGISTRATION = {
    "gms": "regular",
    "standard": "regular",
    "emergency": "emergency",
    "private": "private",
    "temporary": "temporary",
    "temporary resident < 16 days": "temporary",
    "temporary resident 16 days to 3 months": "temporary",
    "temporary resident (telephone consultation)": "temporary",
    "immediately necessary": "immediately_necessary",
    "immediately necessary treatment": "immediately_necessary",
    "walk-in patient": "walk_in",
}
COMPARATOR = {"<": "<", "<=": "<=", "=": "=", ">=": ">=", ">": ">"}
SEVERITY = {"major": "significant", "minor": "minor"}
# The first that a practice's own wording holds ("2 Week Wait (Cancer)", "Non-urgent" is none of these).
URGENCY = {
    "two week": "two_week_wait",
    "2 week": "two_week_wait",
    "routine": "routine",
    "non-urgent": UNLISTED,
    "non urgent": UNLISTED,
    "urgent": "urgent",
    "soon": "soon",
}
SERVICE = {
    "outpatient": "outpatient",
    "inpatient": "inpatient",
    "day case": "day_case",
    "mental health": "mental_health",
    "community": "community",
    "diagnostic": "diagnostic",
    "assessment": "assessment",
    "advice": "advice",
}
APPOINTMENT = {
    "did not attend": "did_not_attend",
    "no access visit": "did_not_attend",
    "cancelled": "cancelled",
    "booked": "booked",
    "arrived": "arrived",
    "waiting": "arrived",
    "in progress": "seen",
    "finished": "seen",
}
RECALL_ACTIVE = ("pending", "1st recall", "2nd recall", "3rd recall")
RECALL_COMPLETE = ("seen", "awaiting result")
RECALL = {**dict.fromkeys(RECALL_ACTIVE, "active"), **dict.fromkeys(RECALL_COMPLETE, "complete")} | {
    "cancelled": "neither",
    "superseded": "neither",
    "suspended": "neither",
}
HOME_ADDRESS = "home"
UNIT = {
    **{
        f"{word}{end}": word
        for word in ("tablet", "capsule", "dose", "device", "sachet", "ampoule", "pack")
        for end in ("", "s", "(s)")
    },
    **{f"{word}{end}": word for word in ("gram", "ml") for end in ("", "s", "(s)")},
    **dict.fromkeys(("patch", "patches", "patch(es)"), "patch"),
    **dict.fromkeys(("suppository", "suppositories"), "suppository"),
}


def registration_type(status: str) -> str:
    """One word for a registration, or the status as it stands: a type that is not known is out of scope."""
    said = [part.strip().lower() for part in status.split(",")]
    return next((ours for theirs, ours in REGISTRATION.items() if theirs in said), status)


def held(text: str, words: dict[str, str]) -> str:
    """The first of our words whose own is part of the text."""
    lower = text.lower()
    return next((ours for theirs, ours in words.items() if theirs in lower), UNLISTED)


def exactly(text: str, words: dict[str, str]) -> str:
    return words.get(text.strip().lower(), UNLISTED)


def by_its_distinct(column: pl.Expr, meaning: dict[str, str]) -> pl.Expr:
    """A column with each of its distinct texts replaced. A text without a meaning becomes NULL."""
    return column.replace_strict(list(meaning), list(meaning.values()), default=None, return_dtype=pl.String)
