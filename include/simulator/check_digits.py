"""Check digits, worked out here again: the simulator shares no code with what it tests."""

import functools

import numpy as np

from simulator.draws import Numbers

_FIRST_TEST_STEM = 999_000_000  # 999 000 0000 to 999 999 9999 are set aside for tests and never issued
_WEIGHTS = np.arange(10, 1, -1)

# Verhoeff's tables: multiplication in the dihedral group of ten, and a permutation repeated along the number.
_MULTIPLY = [[(i + j) % 5 if j < 5 else 5 + (i + j) % 5 for j in range(10)] for i in range(5)]
_MULTIPLY += [[5 + (i - j) % 5 if j < 5 else (i - j) % 5 for j in range(10)] for i in range(5, 10)]
_ONE_STEP = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]


@functools.cache
def nhs_numbers_for_tests() -> Numbers:
    """Every valid NHS number of the test range, ascending, as ten digits (some 909,000)."""
    stems = np.arange(_FIRST_TEST_STEM, _FIRST_TEST_STEM + 1_000_000, dtype=np.int64)
    digits = stems[:, None] // 10 ** np.arange(8, -1, -1, dtype=np.int64) % 10
    check = (11 - (digits * _WEIGHTS).sum(axis=1) % 11) % 11
    numbers = (stems * 10 + check)[check < 10]
    return np.asarray(numbers[numbers != 9_999_999_999])  # passes the sum, but was never a number


def nhs_number_is_valid(text: str) -> bool:
    if len(text) != 10 or not (text.isascii() and text.isdigit()):
        return False
    check = (11 - sum(int(digit) * weight for digit, weight in zip(text[:9], _WEIGHTS.tolist(), strict=True)) % 11) % 11
    return check == int(text[9])


def verhoeff_is_valid(digits: str) -> bool:
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = _MULTIPLY[check][_permuted(int(digit), position)]
    return check == 0


def snomed_id_is_valid(text: str, *, partitions: tuple[str, ...] = ("00", "10")) -> bool:
    """Whether text is a SNOMED CT id of one of the partitions (concepts by default; descriptions are 01 and 11)."""
    shaped = text.isascii() and text.isdigit() and 6 <= len(text) <= 18 and text[0] != "0"
    return shaped and text[-3:-1] in partitions and verhoeff_is_valid(text)


def made_up_snomed_id(item: int, *, namespace: str = "1000000", partition: str = "10") -> str:
    """A well-formed id of an extension. Items from 999000 up are far beyond those in use."""
    stem = f"{item}{namespace}{partition}"
    return next(stem + str(digit) for digit in range(10) if verhoeff_is_valid(stem + str(digit)))


def _permuted(digit: int, times: int) -> int:
    for _ in range(times % 8):
        digit = _ONE_STEP[digit]
    return digit
