"""The shapes of clinical and organisation codes. Each distinct code is looked at once, however many rows carry it."""

import re
from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from crossing.identifiers import canonical_nhs_number, is_nhs_number, is_snomed_id

_CONCEPT = frozenset({"00", "10"})
_DESCRIPTION = frozenset({"01", "11"})
# Five bytes padded with dots; EMIS and the Data Dictionary may add two characters for the term.
_READ_V2 = re.compile(r"[0-9A-Za-z][0-9A-Za-z.]{4}(?:[0-9A-Za-z]{2})?")
_CTV3 = re.compile(r"[0-9A-Za-z.]{5}")
# Suppliers' own codes have no common grammar; what they never hold is a space, so no sentence and no name fits.
_LOCAL = re.compile(r"[!-~]{1,40}")
_STAFF_ROLE = re.compile(r"[0-9A-Za-z:_.-]{1,20}")
_LSOA = re.compile(r"[EW]01[0-9]{6}")
_ODS = re.compile(r"[A-Z0-9]{3,12}")


# An NHS number as people write it, with other characters around it or within.
_TEN_DIGITS = re.compile(r"(?<![0-9])[0-9]{3}[ .-]?[0-9]{3}[ .-]?[0-9]{4}(?![0-9])")


@lru_cache(maxsize=500_000)
def _is_concept(code: str) -> bool:
    """One NHS number in 250 passes for a concept; of ten digits SNOMED has given out concepts from 1... only."""
    return is_snomed_id(code, partitions=_CONCEPT) and (code[0] == "1" or not is_nhs_number(code))


@lru_cache(maxsize=500_000)
def _is_description(code: str) -> bool:
    """Of ten digits SNOMED has given out terms from 1... to 5...; England's NHS numbers begin with 4, 6, 7 and 9."""
    return is_snomed_id(code, partitions=_DESCRIPTION) and (code[0] in "12345" or not is_nhs_number(code))


@lru_cache(maxsize=500_000)
def _holds_no_identifier(code: str) -> bool:
    return not any(canonical_nhs_number(found.replace(".", "")) for found in _TEN_DIGITS.findall(code))


SHAPES: dict[str, Callable[[str], bool]] = {
    "snomed_concept": _is_concept,
    "snomed_description": _is_description,
    "read_v2": lambda code: bool(_READ_V2.fullmatch(code)),
    "ctv3": lambda code: bool(_CTV3.fullmatch(code)),
    "local": lambda code: bool(_LOCAL.fullmatch(code)),
    "staff_role": lambda code: bool(_STAFF_ROLE.fullmatch(code)),
    "lsoa": lambda code: bool(_LSOA.fullmatch(code)),
    "ods": lambda code: bool(_ODS.fullmatch(code)),
    "not_an_nhs_number": _holds_no_identifier,
}


def rows_out_of_shape(codes: pa.ChunkedArray, shape: str) -> pa.ChunkedArray | None:
    """True where a code does not have the shape; None where all do. NULL has every shape."""
    has_shape = SHAPES[shape]
    wrong = [code for code in pc.unique(codes).to_pylist() if code is not None and not has_shape(code)]
    return pc.is_in(codes, value_set=pa.array(wrong, codes.type)) if wrong else None
