"""What an identifier looks like. Both zones use it: one to make tokens, the other to refuse a parcel that holds one."""

import re

_TEN_DIGITS = re.compile(r"^[0-9]{10}\Z")
_SEPARATORS = str.maketrans("", "", " -")
# These pass the check digit but were never issued (NHS England's own list of palindrome-like numbers).
_NEVER_ISSUED = frozenset(str(d) * 10 for d in range(10)) | frozenset(f"{d}00000000{d}" for d in range(1, 10))


def canonical_nhs_number(text: str | None) -> str | None:
    """Ten digits with a right check digit, or None. Spaces and hyphens are dropped (domain rule: modulus 11)."""
    if text is None:
        return None
    digits = text.strip().translate(_SEPARATORS)
    return digits if is_nhs_number(digits) else None


def is_nhs_number(digits: str) -> bool:
    """Whether ten digits form a valid NHS number: weights 10 to 2, modulus 11, check digit 10 impossible."""
    if not _TEN_DIGITS.match(digits) or not digits.isascii() or digits in _NEVER_ISSUED:
        return False
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False))
    return (11 - weighted % 11) % 11 == int(digits[9])


_VERHOEFF_MULTIPLY = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_VERHOEFF_PERMUTE = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)
_SNOMED_SHAPE = re.compile(r"^[1-9][0-9]{5,17}\Z")


def is_snomed_id(text: str, *, partitions: frozenset[str] = frozenset({"00", "10"})) -> bool:
    """Whether text is a SNOMED CT id of the given partitions (concepts: 00, 10; descriptions: 01, 11), check digit right."""
    return bool(_SNOMED_SHAPE.match(text)) and text[-3:-1] in partitions and _verhoeff_holds(text)


def _verhoeff_holds(digits: str) -> bool:
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = _VERHOEFF_MULTIPLY[check][_VERHOEFF_PERMUTE[position % 8][int(digit)]]
    return check == 0
