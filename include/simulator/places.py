"""Made-up postcodes. policy/codelists/postcode_lsoa.csv holds the same list; a test holds the two together."""

import pyarrow as pa

_UNITS = "ABDEFGHJLN"
LISTED = 300
POSTCODES_PER_LSOA = 5


def postcode(index: int) -> str:
    """The listed postcodes QQ1 1AA to QQ10 3AN, by number. The area QQ does not exist."""
    return f"QQ{index // 30 + 1} {index // 10 % 3 + 1}A{_UNITS[index % 10]}"


def lsoa_code(index: int) -> str:
    """The right shape, beyond the last code in use."""
    return f"E01{999001 + index // POSTCODES_PER_LSOA:06d}"


def imd_decile(index: int) -> int:
    return index // POSTCODES_PER_LSOA % 10 + 1


UNLISTED = ("QQ77 7ZZ", "QQ88 8YX")  # real in shape, absent from the directory
NO_FIXED_ABODE = ("ZZ99 3VZ", "ZZ99 3CZ")
ALL_POSTCODES = pa.array([*(postcode(i) for i in range(LISTED)), *UNLISTED, *NO_FIXED_ABODE, ""])
NO_POSTCODE = len(ALL_POSTCODES) - 1
