"""What each code is in each code system, for formats that have no code table of their own.

`codings` is the code as the truth has it: most in SNOMED CT, some only in Read v2, CTV3 or a practice's own. A format
that must have a code in another system takes `equivalents`, where every concept has all it has a name for.
"""

import re
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.codes import CODES, DRUGS, Role
from simulator.draws import Numbers
from simulator.emis.administration import numbers_typed_as_codes
from simulator.facts import NO_CODE, Rows
from simulator.practice import Practice

# SNOMED CT | Read v2 | CTV3, for concepts whose codes are widely known. The rest have a made-up code of TPP's own range.
_KNOWN = """
38341003|G20..|XE0Ub
44054006|C10F.|X40J5
46635009|C10E.|X40J4
195967001|H33..|H33..
13645005|H3...|H3...
49436004|G5730|G5730
84114007|G58..|G58..
22298006|G30..|X200E
230690007|G66..|X00D1
396275006|N05..|N05..
69896004|N040.|N040.
40930008|C04..|C04..
84757009|F25..|F25..
37796009|F26..|F26..
254837009|B34..|B34..
58214004|E10..|E10..
77176002|137R.|137R.
8517006|137S.|Ub1na
266919005|1371.|XE0oh
271649006|2469.|2469.
271650006|246A.|246A.
27113001|22A..|22A..
50373000|229..|229..
60621009|22K..|22K..
78564009|242..|242..
160573003|136..|Ub173
999791000000106|42W5.|XaPbt
1000731000000107|44J3.|XE2q5
1022431000000105|423..|Xa96v
1022541000000102|42H..|XaIdY
1022651000000100|42P..|42P..
1005671000000105|44P..|XE2eD
1000661000000107|44I5.|XE2q0
1000651000000109|44I4.|XE2pz
999651000000107|44CS.|XE2dy
86198006|65E..|65E..
827241000000103|9Nu0.|XaZ89
827261000000102|9Nu1.|XaZ8A
881561000000100|9Nu4.|XaaVL
63487001|7E0A.|7E0A.
9990011000000104||Xa9Z0
"""
_CTV3 = re.compile(r"X[0-9A-Za-z.]{4}")
_READ_V2 = re.compile(r"[0-9A-Za-z.]{5}([0-9]{2})?|[0-9A-Za-z.]{5}\.[0-9]{2}")
_OWN_CTV3 = "Y{}"  # TPP's own codes begin with Y
_FIRST_OWN = 9000
_OF_ROLE = {  # what an entry of these roles means, whichever system says it
    Role.DISSENT: "827241000000103",
    Role.WITHDRAWAL: "827261000000102",
    Role.TYPE_TWO: "881561000000100",
    Role.DISSENT_SPELT_OTHERWISE: "827241000000103",
    Role.WITHDRAWAL_SPELT_OTHERWISE: "827261000000102",
}
_OF_READ = {"7E0A.": "63487001", "Xa9Z0": "9990011000000104"}


@dataclass(frozen=True, slots=True)
class Codings:
    """One element a code, or a row; empty where the code has no name in a system."""

    snomed: pa.Array = field(repr=False)
    read_v2: pa.Array = field(repr=False)
    ctv3: pa.Array = field(repr=False)
    local: pa.Array = field(repr=False)
    term: pa.Array = field(repr=False)
    national: pa.Array = field(repr=False)  # in no system; somebody typed an NHS number into it once

    def of(self, code: Numbers) -> "Codings":
        """The codings of rows, given their places in the code table; NO_CODE gives nothing but empty cells."""
        nothing = len(self.term) - 1
        places = pa.array(np.where(code == NO_CODE, nothing, code))
        return Codings(*(getattr(self, name).take(places) for name in Codings.__slots__))


def codings(source: Practice, rows: Rows) -> Codings:
    """The codes of rows exactly as the truth has them, each in as few systems as there."""
    return _as_they_are(source).of(_code(rows))


def equivalents(source: Practice, rows: Rows) -> Codings:
    """The codes of rows in every system they have a name in. Only CTV3 has one for every concept."""
    return _in_every_system(source).of(_code(rows))


def drugs(rows: Rows) -> tuple[pa.Array, pa.Array]:
    """dm+d product and term of rows of prescriptions; empty where the drug table lacks the drug."""
    known = {name: place for place, name in enumerate(codes.DRUG_IDS.to_pylist()[: len(DRUGS)])}
    places = [known.get(code, len(DRUGS)) for code in rows.columns["CodeId"].to_pylist()]
    return _DMD.take(pa.array(places, pa.int32())), _DRUG_TERMS.take(pa.array(places, pa.int32()))


_DMD = pa.array([*(drug.dmd for drug in DRUGS), ""])
_DRUG_TERMS = pa.array([*(drug.term for drug in DRUGS), ""])


def _code(rows: Rows) -> Numbers:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    return rows.facts.code


def _as_they_are(source: Practice) -> Codings:
    number = numbers_typed_as_codes(source)
    split = [_split(code.read) for code in CODES]
    read_v2, ctv3, local = ([part[place] for part in split] for place in range(3))
    return _codings(
        snomed=[*(code.snomed for code in CODES), "", "", number[2]],
        read_v2=[*read_v2, "", "", ""],
        ctv3=[*ctv3, "", "", ""],
        local=[*local, number[0], "EMISNQTW1", ""],
        national=[*("" for _ in CODES), "", number[1], ""],
    )


def _in_every_system(source: Practice) -> Codings:
    own = _as_they_are(source)
    known = {snomed: (read_v2, ctv3) for snomed, read_v2, ctv3 in (line.split("|") for line in _KNOWN.split())}
    snomed, read_v2, ctv3 = (column.to_pylist() for column in (own.snomed, own.read_v2, own.ctv3))
    for place, code in enumerate(CODES):
        snomed[place] = code.snomed or _OF_ROLE.get(code.role) or _OF_READ.get(code.read, "")
        also_read, also_ctv3 = known.get(snomed[place], ("", ""))
        read_v2[place] = read_v2[place] or also_read
        ctv3[place] = ctv3[place] or also_ctv3 or _OWN_CTV3.format(_FIRST_OWN + place)
    systems = {"snomed": snomed[:-2], "read_v2": read_v2[:-2], "ctv3": ctv3[:-2]}
    return _codings(**systems, local=own.local.to_pylist()[:-2], national=own.national.to_pylist()[:-2])


def _codings(**systems: list[str]) -> Codings:
    """With a last but one place for the code that no table has, and a last one for no code."""
    terms = [*(code.term for code in CODES), "Local: one", "Local: two", "Local: three"]
    return Codings(**{name: pa.array([*column, "", ""]) for name, column in {**systems, "term": terms}.items()})


def _split(read: str) -> tuple[str, str, str]:
    """Read v2, CTV3, local: what the one column of EMIS's code table holds."""
    if _CTV3.fullmatch(read):
        return "", read, ""
    return (read, "", "") if _READ_V2.fullmatch(read) else ("", "", read)
