"""Files of GPDPR that are broken, hostile or new: refused with the place and the rule, and never a value."""

import gzip
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing.errors import PersonMustAct, TryAgain
from crossing.policy import Policy
from source_zone.adapters.gpdpr_xml import stream as gpdpr_xml_stream
from source_zone.adapters.gpdpr_xml import unpacked as gpdpr_xml_bytes
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.identified import ReadTally
from support.gpdpr_files import (
    NAMESPACE,
    a_patient,
    an_entry,
    an_observation,
    document,
    element,
    extract_name,
    snapshot,
    write_bytes,
    write_report,
)

PATIENT = a_patient("p", named_gp="Doctor Grimblostoke")
ROWS = [
    PATIENT,
    an_observation("p", "o", value_string="Snibbletwitch"),
    an_entry("medication", "p", "m", dose="zibberous"),
]
WHOLE = document(snapshot(*ROWS)).encode()
SECRETS = ("9990548609", "Grimblostoke", "Snibbletwitch", "zibberous", "1960-05-17", "QQ1 1AA")


def read(folder: Path, content: bytes, *, packed: bool = False, rows: int = 3) -> int:
    path = write_bytes(folder, content)
    if packed:
        path.write_bytes(content)
    for report in folder.glob("*REPORT*"):
        report.unlink()
    write_report(folder, path, rows)
    adapter = GpdprXml("Y99001", Policy(), "token-gpdpr-v1")
    batches = adapter.read(adapter.find_extracts(folder)[0], ReadTally())
    return sum(batch.rows.num_rows for batch in batches)


def refusal(folder: Path, content: bytes, *, packed: bool = False) -> str:
    with pytest.raises(PersonMustAct) as refused:
        read(folder, content, packed=packed)
    said = str(refused.value)
    assert not [secret for secret in SECRETS if secret in said]
    return said


def test_the_whole_file_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE) == 3


def edited(old: str, new: str) -> bytes:
    assert old.encode() in WHOLE
    return WHOLE.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (edited('dose="zibberous"', 'dosage="zibberous"'), "line 7, row 2: an attribute of medication .*: dosage. Ask"),
        (edited('dose="', 'n9990548609="'), "whose name does not look like one"),
        (edited("<medication ", "<document "), "line 7, row 2: an element that is not in .*: document. Ask"),
        (edited("<medication ", "<Grimblostoke "), "whose name does not look like one"),
        (edited("<medication ", '<x:medication xmlns:x="urn:x" '), "namespace of schema 0.77"),
        (edited(NAMESPACE, NAMESPACE.replace("GPDataExtract", "GPDataExtract-0.78")), "namespace of schema 0.77"),
        (edited('dose="', 'xmlns:x="urn:x" x:dose="'), "not in policy"),
        (edited('provider_id="Y99001"', 'provider_id="Y99002"'), "line 3, row 0: provider_id is not Y99001"),
        (edited(' provider_id="Y99001"', ""), "provider_id is not Y99001"),
        (
            edited("<gpdata-extract ", '<gpdata-extract version="0.78" '),
            "an attribute of gpdata-extract .*: version. Ask",
        ),
        (
            edited("</patient-extract-snapshot>", "Snibbletwitch</patient-extract-snapshot>"),
            "text between the elements",
        ),
        (edited("</patient-extract-snapshot>", "&#83;</patient-extract-snapshot>"), "text between the elements"),
        (
            edited(
                "</patient-extract-snapshot>", element(("organisation", {"id": "o"})) + "</patient-extract-snapshot>"
            ),
            "belong",
        ),
        (
            edited("</practice-extract>", element(PATIENT) + "</practice-extract>"),
            "patient stands where it does not belong",
        ),
        (edited("<medication ", "<medication><medication "), "medication stands where it does not belong"),
        (edited("<medication ", '<medication id="a" id="b" '), "duplicate attribute"),
        (edited('dose="zibberous"', 'dose="zibb<erous"'), "not well-formed"),
        (edited('dose="zibberous"', 'dose="&zibberous;"'), "undefined entity"),
        (edited('encoding="UTF-8"', 'encoding="UTF-7"'), "another encoding"),
        (edited('encoding="UTF-8"', 'encoding="rot13"'), "another encoding"),
        (WHOLE.replace(b"zibberous", b"zibber\xf6us"), "not well-formed"),
        (WHOLE.replace(b"zibberous", b"zibber\x00us"), "not well-formed"),
        (WHOLE[: len(WHOLE) * 2 // 3], "not well-formed|no element found|unclosed token"),
        (WHOLE + b"<more/>", "junk after document element"),
        (b"", "no element found"),
        (b"NHS number,name\n9990548609,Grimblostoke\n", "line 1: syntax error"),
        (f'<gpdata-extract xmlns="{NAMESPACE}" id="x"/>'.encode(), "no practice-extract"),
    ],
)
def test_what_is_not_an_extract_is_refused_by_its_place_and_never_by_a_value(
    tmp_path: Path, content: bytes, said: str
) -> None:
    assert re.search(said, refusal(tmp_path, content))


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a "zibberous"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]>',
    ],
)
def test_a_document_type_is_refused_before_an_entity_can_be_declared(tmp_path: Path, doctype: str) -> None:
    assert "document type" in refusal(tmp_path, WHOLE.replace(b"?>\n", b"?>\n" + doctype.encode(), 1))


def test_a_gzip_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(WHOLE)
    for end in range(0, len(packed), 41):
        assert "cut off" in refusal(tmp_path, packed[:end], packed=True)


@pytest.mark.parametrize("tail", [b"\0", b"PK", b"\x1f\x8b"])
def test_something_after_the_end_of_a_gzip_file_is_refused(tmp_path: Path, tail: bytes) -> None:
    assert "gzip" in refusal(tmp_path, gzip.compress(WHOLE) + tail, packed=True)


def test_gzip_files_one_after_another_are_one(tmp_path: Path) -> None:
    assert read(tmp_path, gzip.compress(WHOLE[:500]) + gzip.compress(WHOLE[500:]), packed=True) == 3


def test_a_bomb_is_refused_long_before_its_end(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = (
        packer.compress(WHOLE[: WHOLE.index(b"<patient-")])
        + b"".join(packer.compress(b" " * (1 << 24)) for _ in range(16))
        + packer.flush()
    )
    assert "300 times its size" in refusal(tmp_path, bomb, packed=True)


def test_a_thousand_gzip_files_in_one_are_refused(tmp_path: Path) -> None:
    assert "1000 gzip files" in refusal(tmp_path, gzip.compress(b" ") * 1_100, packed=True)


def test_an_element_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpdpr_xml_bytes, "_LARGEST_RATIO", 10_000)
    assert "larger than a row" in refusal(tmp_path, WHOLE[:700] + b"a" * (3 << 20))


def test_a_snapshot_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpdpr_xml_stream, "_LARGEST_SNAPSHOT", 1_000)
    rows = [an_observation("p", str(number)) for number in range(3_000)]
    assert "more than 1000 rows" in refusal(tmp_path, document(snapshot(*rows)).encode())


def _never_more_than_a_refusal(act: Callable[[], object]) -> None:
    """Any other error fails the test by itself."""
    refused: Exception | None = None
    try:
        act()
    except (PersonMustAct, TryAgain) as error:
        refused = error
    said = str(refused)
    assert not [secret for secret in SECRETS if secret in said]
    assert refused is None or refused.__suppress_context__ or refused.__context__ is None


_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_QUICK
@given(content=st.binary(max_size=400), packed=st.booleans())
def test_arbitrary_bytes_are_refused(tmp_path: Path, content: bytes, packed: bool) -> None:
    _never_more_than_a_refusal(lambda: read(tmp_path, content, packed=packed))


@_QUICK
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(content) - 1))
        end = data.draw(st.integers(start, min(start + 40, len(content))))
        content[start:end] = data.draw(
            st.binary(max_size=20) | st.sampled_from([b'"', b"<", b"/>", b"&", b"]]>", b"\xff"])
        )
    _never_more_than_a_refusal(lambda: read(tmp_path, bytes(content)))


@_QUICK
@given(data=st.data())
def test_a_mutated_gzip_file_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(gzip.compress(WHOLE, mtime=0))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] = data.draw(st.integers(0, 255))
    _never_more_than_a_refusal(lambda: read(tmp_path, bytes(content), packed=True))


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@_QUICK
@given(data=st.data())
def test_any_text_in_any_attribute_is_a_row_or_a_refusal(tmp_path: Path, data: st.DataObject) -> None:
    lines = Policy().table("fields/gpdpr_xml.toml")
    tables = (
        "patient",
        "encounter",
        "observation",
        "immunisation",
        "recall",
        "allergy",
        "medication",
        "referral",
        "problem",
    )
    table = data.draw(st.sampled_from(tables))
    likely = st.sampled_from(
        ["", "2019", "2019-W07", "true", "-1", "1e400", "NaN", "9990548609", "2024-03-01T09:30:00"]
    )
    cells = data.draw(st.dictionaries(st.sampled_from(sorted(lines[table])), _TEXT | likely, max_size=12))
    content = document(snapshot((table, cells))).encode()
    _never_more_than_a_refusal(lambda: read(tmp_path, content, rows=1))


@_QUICK
@given(
    name=st.binary(min_size=1, max_size=60).map(lambda raw: re.sub(rb"[/\0]", b"_", raw).decode("latin-1") + ".dat.gz")
)
def test_any_file_name_is_refused_without_being_repeated(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "named"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"")
    adapter = GpdprXml("Y99001", Policy(), "token-gpdpr-v1")
    with pytest.raises(PersonMustAct) as refused:
        adapter.find_extracts(folder)
    assert name == ".dat.gz" or len(name) < 12 or name not in str(refused.value)
    path.unlink()


def test_the_name_of_a_file_can_be_said(tmp_path: Path) -> None:
    assert extract_name() in refusal(tmp_path, b"")
