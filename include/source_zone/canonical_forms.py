"""The one form that each identifier is hashed in. What has no such form becomes no token, and never one that is shared.

A supplier's own id: without the braces and spaces around it, letters in capitals, visible ASCII and spaces within only.
A NHS number: ten digits with the right check digit (crossing.identifiers). Published with cases in docs/token-vectors.json.
"""

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from crossing.errors import PersonMustAct

_AROUND = "{} "
_NOT_CANONICAL = r"^$|[^\x20-\x7e]"  # nothing left of it; or control characters, and letters that have two spellings


class IdsNotToldApart(PersonMustAct):
    """Two ids of one table become one token. Adapters write an id in one way, so it is two ids and not one twice."""


def spelt_once(local_id: str) -> str:
    """Two spellings that become one token are one patient, and one's objection is the other's."""
    return local_id.strip(_AROUND).upper()


def spelling(column: str) -> pl.Expr:
    """spelt_once of a column. It says which ids are the same; whether they are ids at all, canonical_local_ids says."""
    return pl.col(column).str.strip_chars(_AROUND).str.to_uppercase()


def canonical_local_ids(ids: pl.Series) -> pl.Series:
    """Each id as it is hashed; NULL where it has no canonical form."""
    if _all_bytes_between(ids, "!", "Z"):
        return ids
    bare = ids.str.strip_chars(_AROUND)
    if not _all_bytes_between(bare, " ", "~"):  # before capitals are made: that of a long s is an ordinary S
        bare = bare.to_frame("id").select(pl.when(~pl.col("id").str.contains(_NOT_CANONICAL)).then("id")).to_series()
    return bare.str.to_uppercase()


def has_no_canonical_form(ids: pl.Series) -> pl.Series:
    """True for an id that is missing, empty, or holds what no id holds."""
    if _all_bytes_between(ids, "!", "z"):  # and so no brace or space that may be all there is
        return ids.is_null()
    return canonical_local_ids(ids).is_null()


def check_told_apart(ids: pl.Series, whose: str) -> None:
    """Raises IdsNotToldApart where two ids differ in nothing that a token keeps: they would be one record, or one patient."""
    if _all_bytes_between(ids, "!", "Z"):
        return
    spelt = ids.to_frame("id").select(spelling("id")).to_series()
    alike = ids.n_unique() - spelt.n_unique()
    if alike:
        raise IdsNotToldApart(
            f"{whose}: {alike} ids differ from another in capitals, braces or spaces alone, and would become the same token. "
            "Ask the supplier which they mean; nothing of the extract has left."
        )


def _all_bytes_between(ids: pl.Series, first: str, last: str) -> bool:
    """Whether no id is empty, and none has a byte outside these: seen for the whole column at once, at a tenth of the cost."""
    if ids.str.len_bytes().min() == 0:
        return False
    text = ids.drop_nulls().to_arrow().buffers()[2]
    if text is None or not text.size:
        return True
    found = pc.min_max(pa.Array.from_buffers(pa.uint8(), text.size, [None, text])).as_py()
    return bool(found["min"] >= ord(first) and found["max"] <= ord(last))
