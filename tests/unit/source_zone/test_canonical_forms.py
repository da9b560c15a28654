"""One form for each identifier: what is the same becomes one token, what is not stays two, and nothing becomes none."""

import hmac
import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.canonical import TABLES, Kind
from crossing.identifiers import canonical_nhs_number, is_nhs_number
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from source_zone.canonical_forms import (
    IdsNotToldApart,
    canonical_local_ids,
    check_told_apart,
    has_no_canonical_form,
    spelt_once,
)
from source_zone.keys import LOCAL_ID, NHS_NUMBER, SourceKeys, load_keys
from source_zone.make_development_keys import make_development_keys
from source_zone.minimise import Rules, Withheld, minimise
from source_zone.opt_outs import roster
from source_zone.pseudonymise import pseudonymise, tokens_of_people
from source_zone.release_practice import release_practice
from support.emis_files import PRACTICE, a_patient, an_observation, write_extract
from support.source_zone import make_source_zone

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
LIKE_AN_ID = st.text(st.sampled_from("aAbBsSkK019{} -|/#.\x00\t\u00e9\u017f\u212a\u0131\u00df"), max_size=6)
NOT_IDS = [
    "",
    " ",
    "{}",
    "{ }",
    "\t",
    "\x00",
    "a\x00b",
    "1\n",
    "\u0661\u0662",
    "caf\u00e9",
    "a\u200bb",
    "\u00a0",
    "\u017f1",
    "\u212a",
    "x\x7f",
]
IDS = {
    "{ab-1}": "AB-1",
    " ab-1 ": "AB-1",
    "AB-1": "AB-1",
    "007": "007",
    "7": "7",
    "a b": "A B",
    "Patient/x1": "PATIENT/X1",
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SourceKeys:
    folder = tmp_path_factory.mktemp("keys")
    make_development_keys(folder / "keys", ["gpdpr"])
    return load_keys(folder / "keys" / "source", "gpdpr", 1)


def canonical(text: str | None) -> str | None:
    """The same rule in other words."""
    if text is None:
        return None
    spelt = re.sub(r"\A[{} ]+|[{} ]+\Z", "", text)
    return "".join(chr(ord(each) - 32) if "a" <= each <= "z" else each for each in spelt) if _is_plain(spelt) else None


def _is_plain(text: str) -> bool:
    return bool(text) and all(32 <= ord(each) < 127 for each in text)


@given(st.lists(st.none() | ANY_TEXT | LIKE_AN_ID, max_size=12))
def test_every_id_has_the_form_the_rule_gives_it_or_none(ids: list[str | None]) -> None:
    column = pl.Series(ids, dtype=pl.String)
    assert canonical_local_ids(column).to_list() == [canonical(each) for each in ids]
    assert has_no_canonical_form(column).to_list() == [canonical(each) is None for each in ids]


@given(st.lists(ANY_TEXT | LIKE_AN_ID, max_size=8))
def test_a_form_is_its_own_form_and_one_value_does_not_hang_on_its_neighbours(ids: list[str]) -> None:
    forms = canonical_local_ids(pl.Series(ids, dtype=pl.String))
    assert canonical_local_ids(forms).to_list() == forms.to_list()
    assert [canonical_local_ids(pl.Series([each])).item() for each in ids] == forms.to_list()


@pytest.mark.parametrize(("written", "form"), IDS.items())
def test_an_id_is_known_by_any_of_its_spellings(written: str, form: str) -> None:
    assert canonical_local_ids(pl.Series([written])).to_list() == [form]
    assert spelt_once(written) == form


@pytest.mark.parametrize("written", NOT_IDS, ids=ascii)
def test_what_is_no_id_becomes_no_token(keys: SourceKeys, written: str) -> None:
    made = tokens_of_people(people([written, "1", None]), PRACTICE, keys)
    assert made["registration_token"].is_null().to_pylist() == [True, False, True]


def people(registrations: list[str | None], numbers: list[str | None] | None = None) -> pl.DataFrame:
    """Registrations, and the NHS number of each."""
    return pl.DataFrame(
        {"registration_id": registrations, "nhs_number": numbers or [None] * len(registrations)},
        schema={"registration_id": pl.String, "nhs_number": pl.String},
    )


@given(st.lists(st.none() | LIKE_AN_ID, min_size=1, max_size=10), st.sampled_from(["A12345", "B12345"]))
def test_two_ids_share_a_token_exactly_where_they_share_their_form_and_their_practice(
    keys: SourceKeys, ids: list[str | None], practice: str
) -> None:
    ours = tokens_of_people(people(ids), "A12345", keys)["registration_token"].to_pylist()
    theirs = tokens_of_people(people(ids), practice, keys)["registration_token"].to_pylist()
    for one, mine in zip(ids, ours, strict=True):
        for other, yours in zip(ids, theirs, strict=True):
            same = canonical(one) is not None and canonical(one) == canonical(other) and practice == "A12345"
            assert (mine is not None and mine == yours) is same


@given(st.lists(st.none() | LIKE_AN_ID, max_size=10))
def test_repeated_and_distinct_columns_make_the_same_tokens(keys: SourceKeys, ids: list[str | None]) -> None:
    """A registration is hashed once however often it stands there, a record each time; the bytes are the standard library's."""
    rows = pl.DataFrame({"record_id": ids, "registration_id": ids, "is_deleted": [False] * len(ids)}, strict=False)
    absent = [pl.lit(None, pl.String).alias(each) for each in PATIENT_COLUMNS]
    rows = rows.with_columns(pl.col("record_id", "registration_id").cast(pl.String), *absent)
    forms = [canonical(each) for each in ids]
    key = keys.token_keys[LOCAL_ID].hex().encode()
    expected = [
        each and hmac.digest(key, b"local_id\0A12345\0" + each.encode(), "sha256")[:16] for each in forms if each
    ]
    valid = rows.filter(pl.Series([each is not None for each in forms], dtype=pl.Boolean))
    made = pseudonymise("patient", valid, "A12345", keys)
    assert made["record_token"].to_pylist() == made["registration_token"].to_pylist() == expected


PATIENT_COLUMNS = [
    column.name for column in TABLES["patient"] if column.kind != Kind.TOKEN and column.name != "is_deleted"
] + ["nhs_number"]


def test_a_reference_that_is_no_id_points_nowhere(keys: SourceKeys) -> None:
    absent = {column.name: None for column in TABLES["appointment"] if column.kind != Kind.TOKEN}
    ids = {"record_id": "a", "registration_id": "r", "staff_role_id": "{}", "encounter_id": " "}
    row: dict[str, Any] = {**absent, **ids, "is_deleted": False}
    made = pseudonymise("appointment", pl.DataFrame([row]), PRACTICE, keys)
    named = ("record_token", "registration_token", "staff_role_token", "encounter_token")
    assert [made[name][0].as_py() is None for name in named] == [False, False, True, True]


RULES = Rules(
    restricted_codes=frozenset(),
    identifier_valued=frozenset(),
    code_shapes={},
    look_back_from={},
    own_identifiers=frozenset(),
)


@pytest.mark.parametrize("written", NOT_IDS, ids=ascii)
def test_a_row_whose_own_id_is_none_is_quarantined_and_counted(written: str) -> None:
    rows = pl.DataFrame({"record_id": [written, "1"], "is_deleted": [False] * 2, "is_confidential": [False] * 2})
    rows = rows.with_columns(pl.lit(None, pl.String).alias("fault"))
    nobody = pl.DataFrame(schema={"registration_id": pl.String, "reason": pl.String, "date_of_birth": pl.Date})
    (batch,) = rows.to_arrow().to_batches()
    kept, counts = minimise("organisation", batch, pl.Series([False] * 2), nobody, RULES, Withheld())
    assert (kept.height, dict(counts.quarantined)) == (1, {"no_record_id": 1})


def test_a_patient_whose_registration_is_no_id_stays_and_is_never_asked_to_be_erased() -> None:
    patients = pl.DataFrame(
        {
            "registration_id": ["{}", "1"],
            "fault": pl.Series([None, None], dtype=pl.String),
            "is_test_patient": [False] * 2,
            "is_confidential": [False] * 2,
            "registration_end_date": pl.Series([None] * 2, dtype=pl.Date),
            "date_of_death": pl.Series([None] * 2, dtype=pl.Date),
            "date_of_birth": pl.Series([None] * 2, dtype=pl.Date),
            "registration_type": ["regular"] * 2,
        }
    )
    decided = roster(
        patients.to_arrow(), frozenset(), start_date=date(2020, 1, 1), registration_types=("regular",)
    ).to_pylist()
    assert [each["reason"] for each in decided] == ["unreadable_patient_record", None]


@pytest.mark.parametrize("ids", [["Ab", "aB"], ["{1}", "1"], ["x ", "x", "y"]])
def test_two_ids_that_would_become_one_token_stop_the_practice(ids: list[str]) -> None:
    with pytest.raises(IdsNotToldApart, match=r"A12345: 1 ids differ") as stopped:
        check_told_apart(pl.Series([*ids, *ids, None]), "A12345")
    assert not any(each in str(stopped.value) for each in ("Ab", "aB", "{1}"))
    check_told_apart(pl.Series([ids[0], ids[0], "other", None]), "A12345")


# --- NHS numbers ---

NHS_NUMBERS = {
    "9434765919": "9434765919",
    "943 476 5919": "9434765919",
    "943-476-5919": "9434765919",
    " 9434765919 ": "9434765919",
    "9434765910": None,  # another check digit
    "943476591": None,
    "09434765919": None,
    "0000000000": None,  # right check digit, never issued
    "\u0669\u0664\u0663\u0664\u0667\u0666\u0665\u0669\u0661\u0669": None,
    "943476591\u0669": None,
    "9434765919\x00": None,
    "9434765919A": None,
    "943.476.5919": None,
    "": None,
    " ": None,
    "-": None,
}


@pytest.mark.parametrize(("written", "form"), NHS_NUMBERS.items(), ids=map(ascii, NHS_NUMBERS))
def test_a_number_is_ten_digits_with_the_right_check_digit_or_it_is_none(
    keys: SourceKeys, written: str, form: str | None
) -> None:
    assert canonical_nhs_number(written) == form
    token = tokens_of_people(people(["1"], [written]), PRACTICE, keys)["patient_token"][0].as_py()
    key = keys.token_keys[NHS_NUMBER].hex().encode()
    assert token == (form and hmac.digest(key, b"nhs_number\0" + form.encode(), "sha256")[:16])


@given(st.integers(0, 10**9 - 1), st.sampled_from(["", " ", "-"]))
def test_however_a_number_is_grouped_it_is_the_same_person_everywhere(
    keys: SourceKeys, first_nine: int, between: str
) -> None:
    found = [f"{first_nine:09d}{check}" for check in range(10) if is_nhs_number(f"{first_nine:09d}{check}")]
    assert len(found) <= 1
    for number in found:
        written = between.join((number[:3], number[3:6], number[6:]))
        one = tokens_of_people(people(["1"], [number]), "A12345", keys)["patient_token"]
        assert one == tokens_of_people(people(["2"], [written]), "B12345", keys)["patient_token"]


@given(ANY_TEXT | st.text("0123456789 -", max_size=14))
def test_nothing_else_becomes_a_persons_token(keys: SourceKeys, written: str) -> None:
    form = canonical_nhs_number(written)
    token = tokens_of_people(people(["1"], [written]), PRACTICE, keys)["patient_token"][0].as_py()
    assert (token is None) is (form is None)
    assert form is None or re.fullmatch(r"[0-9]{10}", form)


def test_a_night_with_ids_that_are_none_leaves_without_them_and_says_so(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    faulty = an_observation("anne", "cold", ObservationGuid="{}")
    rows = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", "cold"), faulty]}
    write_extract(zone.deliveries, rows)
    (parcel,) = release_practice(zone.release())["parcels"]
    counts = read_manifest(read_manifest_bytes(zone.settings.outbox / parcel)[0]).counts["tables"]["observation"]
    assert (counts["read"], counts["sent"], counts["quarantined"]) == (2, 1, {"no_record_id": 1})
