"""A practice's own account: made of what was signed, exact, in order, and of nobody in particular."""

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from central_zone import keys as central_keys
from central_zone import receipts
from central_zone.erasures.certificate import certificate_of
from central_zone.ledger import Entry
from central_zone.receive import opened_rows
from crossing.answers import CERTIFICATE, PAYLOAD_TYPES, SUPPLEMENT, AnswerRefused, bytes_to_sign
from crossing.canonical import NATIONAL_ALLOW_LIST, schema
from crossing.key_register import RegisterRefused
from crossing.manifest import Manifest, canonical_json, read_manifest
from source_zone.left_already import note_left
from source_zone.parcels_left import OutboxDoubtful
from source_zone.practice_account import NO_ANSWER_SEEN, account
from source_zone.practice_account_page import page
from source_zone.release_practice import release_practice
from source_zone.seal_notice import Notice, draft_notice, publish_notice
from source_zone.uphold_opt_outs import uphold_practice
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

FIRST, SECOND = "20260902010000", "20260903010000"
NUMBER = "9990000018"
PEOPLE = ("anne", "bert", "carl", "dora")
ONE_NIGHT: Rows = {
    "Admin_Patient": [a_patient("anne", NhsNumber=NUMBER), a_patient("bert"), a_patient("carl"), a_patient("dora")],
    "CareRecord_Observation": [
        an_observation("anne", "asthma"),
        an_observation("bert", "cough"),
        an_observation("bert", "restricted", "4"),
        an_observation("bert", "no date", EffectiveDate="32.13.2024"),
        an_observation("carl", "no", "2"),
        an_observation("dora", "cold"),
    ],
}
ANNE_SAYS_NO: Rows = {"CareRecord_Observation": [an_observation("anne", "no to it", "2", EffectiveDate="2026-09-02")]}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> SourceZone:
    """Two nights, a later opt-out, and an allow list."""
    zone = make_source_zone(tmp_path_factory.mktemp("practice"))
    for rows, stamp in ((ONE_NIGHT, FIRST), (ANNE_SAYS_NO, SECOND)):
        write_extract(zone.deliveries, rows, stamp)
        release_practice(zone.release(stamp))
    uphold_practice(zone.release("uphold"))
    allow(zone)
    return zone


def allow(zone: SourceZone) -> None:
    checked = datetime(2026, 9, 4, 2, tzinfo=UTC)
    notice = Notice(
        kind=NATIONAL_ALLOW_LIST,
        sequence=1,
        rows=pa.table({"patient_token": [bytes(range(16))]}, schema=schema(NATIONAL_ALLOW_LIST)),
        taken_at=checked,
        not_after=checked + timedelta(days=21),
    )
    publish_notice(zone.release(), draft_notice(zone.release(), notice).parcel_id)


@pytest.fixture
def zone(lived: SourceZone, tmp_path: Path) -> SourceZone:
    """A copy to answer, and to spoil."""
    shutil.copytree(lived.root, tmp_path / "copy")
    root = tmp_path / "copy"
    moved = {
        name: root / getattr(lived.settings, name).name for name in ("spool", "memory", "incoming", "landing", "outbox")
    }
    settings = replace(lived.settings, keys=root / "keys" / "source", receipts=root / "answers", **moved)
    (root / "answers").mkdir()
    return SourceZone(root, settings)


def told(zone: SourceZone) -> dict[str, Any]:
    return account("gpdpr", PRACTICE, zone.settings)


def manifests(zone: SourceZone) -> dict[str, Manifest]:
    """By kind and number, as in "delta 1"."""
    found = (read_manifest(path.read_bytes()) for path in zone.settings.outbox.glob("*/manifest.json"))
    return {f"{each.extract_kind} {each.sequence}": each for each in found}


def answer_to(zone: SourceZone, manifest: Manifest, **changes: Any) -> Path:
    """As the centre gives it, with the centre's own code and key."""
    entry = Entry(
        parcel_number=1,
        parcel_id=manifest.parcel_id,
        collection="gpdpr",
        practice_code=PRACTICE,
        sequence=manifest.sequence,
        manifest_sha256=manifest.sha256(),
        state="loaded",
        state_reason=None,
        decided_by=None,
        audit_hash="ab" * 32,
        extract_taken_at=datetime.fromisoformat(manifest.extract_taken_at),
        extract_kind=manifest.extract_kind,
        settled_at="2026-09-02T03:00:00.000000+00:00",
        rows_loaded={"patient": 3, "observation": 3},
        rows_quarantined={"observation": {"dated_in_future": 1}},
        rows_erased={},
        held_by=(),
    )
    return receipts.give_receipt(zone.root / "answers", replace(entry, **changes), zone.root / "keys" / "central")


def certify(zone: SourceZone, manifest: Manifest, *, signed_as: str = CERTIFICATE, **counts: Any) -> Path:
    """With the centre's own words of an erasure."""
    content = certificate_of(manifest, {"rows_erased": {"patient": 1}, **counts}, "ab" * 32)
    key = central_keys.receipt_signing_key(zone.root / "keys" / "central")
    signature = key.sign(bytes_to_sign(content, PAYLOAD_TYPES[signed_as])).hex()
    path = zone.root / "answers" / f"{manifest.parcel_id}.certificate.json"
    path.write_bytes(
        canonical_json({CERTIFICATE: content, "signing_key": "receipt-signing-v1", "signature": signature})
    )
    return path


def counts(entries: list[dict[str, Any]]) -> dict[str, int]:
    return {each["reason"]: each["count"] for each in entries}


def test_everything_that_left_is_told_in_order_with_its_counts(lived: SourceZone) -> None:
    said = told(lived)
    assert [each["sequence"] for each in said["left"] if each["kind"] == "delta"] == [1, 2]
    assert {each["kind"] for each in said["left"]} == {"delta", "erasure", "national_allow_list"}
    assert [each["made_at"] for each in said["left"]] == sorted(each["made_at"] for each in said["left"])
    first = said["left"][0]
    assert first["patients_may_leave"] == 3
    assert counts(first["patients_held_back"]) == {"type_one_opt_out": 1}
    assert {table: n for table, n in first["rows_sent"].items() if n} == {"patient": 3, "observation": 3}
    assert counts(first["rows_held_back"]) == {"legally_restricted_code": 1, "type_one_opt_out": 2}
    assert counts(first["rows_quarantined"]) == {"unreadable_date": 1}
    assert said["in_all"]["rows_sent"] == sum(sum(each.get("rows_sent", {}).values()) for each in said["left"])


def test_reasons_are_told_in_words(lived: SourceZone) -> None:
    first = told(lived)["left"][0]
    assert first["patients_held_back"][0]["in_words"] == "The patient opted out (Type 1 opt-out)"
    assert first["rows_quarantined"][0]["in_words"] == "a date that cannot be read"


def test_erasures_and_national_checks_are_told_with_their_dates(lived: SourceZone) -> None:
    said = told(lived)
    asked, allowed = (
        next(each for each in said["left"] if each["kind"] == kind) for kind in ("erasure", NATIONAL_ALLOW_LIST)
    )
    assert (asked["people_named"], asked["expires_at"]) == (1, None)
    assert (allowed["people_named"], allowed["expires_at"]) == (1, "2026-09-25T02:00:00+00:00")
    assert said["in_all"]["erasures_asked_for"] == 1
    assert said["in_all"]["last_national_check"] == "2026-09-04T02:00:00+00:00"


def test_where_no_answer_can_be_seen_none_is_invented(lived: SourceZone) -> None:
    said = told(lived)
    assert said["answers_can_be_seen"] is False
    assert said["answers_in_words"] == NO_ANSWER_SEEN
    assert [each["answer"] for each in said["left"]] == [None] * 4
    assert "Whether the centre answered cannot be seen from here." in page(said).decode()
    assert "The centre has not answered yet." not in page(said).decode()


def test_receipts_and_certificates_are_shown_once_they_come(zone: SourceZone) -> None:
    assert [each["answer"] for each in told(zone)["left"]] == [None] * 4
    answer_to(zone, manifests(zone)["delta 1"])
    certify(zone, manifests(zone)["erasure 1"])
    said = told(zone)
    assert said["left"][0]["answer"]["outcome"] == "loaded"
    assert said["left"][0]["answer"]["rows_quarantined"] == {"observation": {"dated_in_future": 1}}
    assert [each["answer"] is not None for each in said["left"]].count(True) == 2
    assert said["in_all"]["erasures_certified"] == 1
    assert "observation: dated in future 1" in page(said).decode()


def test_of_an_answer_only_what_a_practice_may_know_is_shown(zone: SourceZone) -> None:
    """Of a person registered at two practices, neither is to learn which the other is."""
    others = {"practices": 2, "registrations": 2, "marks": 2, "parcels_left": ["0f" * 16]}
    certify(zone, manifests(zone)["erasure 1"], **others)
    said = next(each["answer"] for each in told(zone)["left"] if each["kind"] == "erasure")
    assert said == {"rows_erased": {"patient": 1}, "parcels_left": 1, "audit_head": "ab" * 32}


def supplement_to(zone: SourceZone, manifest: Manifest, **changes: Any) -> Path:
    """As the centre writes it: tests/integration/central_zone/test_supplements.py holds the same words to a real store."""
    said = {
        "parcel_id": manifest.parcel_id,
        "manifest_sha256": manifest.sha256(),
        "rows_released": {"observation": 1},
        "rows_discarded": {},
        "decisions": [
            {
                "outcome": "released", "table_name": "observation", "rule_ids": ["dated_in_future"], "rows": 1,
                "reason": "They book ahead.", "at": "2026-09-05T03:00:00.000000+00:00", "audit_head": "cd" * 32,
            }
        ],
        "audit_head": "cd" * 32,
        "at": "2026-09-05T03:00:00.000000+00:00",
    } | changes  # fmt: skip
    signature = central_keys.receipt_signing_key(zone.root / "keys" / "central").sign(
        bytes_to_sign(said, PAYLOAD_TYPES[SUPPLEMENT])
    )
    signed = {SUPPLEMENT: said, "signing_key": central_keys.RECEIPT_SIGNING_KEY, "signature": signature.hex()}
    path = zone.root / "answers" / f"{manifest.parcel_id}.supplement.json"
    path.write_bytes(canonical_json(signed))
    return path


def test_what_was_decided_later_is_told_beside_the_receipt_which_stays_as_it_was(zone: SourceZone) -> None:
    first = manifests(zone)["delta 1"]
    answer_to(zone, first)
    before = next(each["answer"] for each in told(zone)["left"] if each["parcel_id"] == first.parcel_id)
    supplement_to(zone, first)
    said = told(zone)
    after = next(each["answer"] for each in said["left"] if each["parcel_id"] == first.parcel_id)
    assert after == {**before, "rows_released": {"observation": 1}, "decided_because": "They book ahead."}
    assert "loaded later after all" in page(said).decode()


@pytest.mark.parametrize("wrong", [{"manifest_sha256": "0" * 64}, {"parcel_id": str(uuid.UUID(int=0))}])
def test_a_supplement_of_another_parcel_is_refused(zone: SourceZone, wrong: dict[str, str]) -> None:
    answer_to(zone, manifests(zone)["delta 1"])
    supplement_to(zone, manifests(zone)["delta 1"], **wrong)
    with pytest.raises(AnswerRefused, match="another parcel"):
        told(zone)


def test_nor_can_a_receipt_stand_for_a_supplement(zone: SourceZone) -> None:
    first = manifests(zone)["delta 1"]
    answer_to(zone, first)
    forged(supplement_to(zone, first))
    with pytest.raises(AnswerRefused, match="signature"):
        told(zone)


def altered(path: Path) -> None:
    content = json.loads(path.read_bytes())
    content["receipt"]["rows_loaded"] = {"patient": 4}
    path.write_bytes(canonical_json(content))


def forged(path: Path) -> None:
    content = json.loads(path.read_bytes())
    content["signature"] = "00" * 64
    path.write_bytes(canonical_json(content))


def under_another_key(path: Path) -> None:
    content = json.loads(path.read_bytes())
    path.write_bytes(canonical_json({**content, "signing_key": "receipt-signing-v2"}))


def not_canonical(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_bytes()), indent=1))


def not_json(path: Path) -> None:
    path.write_bytes(b"{" * 100_000)


def endless(path: Path) -> None:
    path.write_bytes(b" " * 1_000_001)


SPOILT = [altered, forged, under_another_key, not_canonical, not_json, endless]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_a_receipt_that_is_not_the_centres_own_is_refused_loudly(zone: SourceZone, spoil: Any) -> None:
    path = answer_to(zone, manifests(zone)["delta 1"])
    told(zone)
    spoil(path)
    with pytest.raises(AnswerRefused, match=re.escape(path.name)):
        told(zone)


def test_a_receipt_of_another_parcel_is_refused(zone: SourceZone) -> None:
    first, second = manifests(zone)["delta 1"], manifests(zone)["delta 2"]
    answer_to(zone, first).rename(zone.root / "answers" / f"{second.parcel_id}.receipt.json")
    with pytest.raises(AnswerRefused, match="another parcel"):
        told(zone)


def test_a_receipt_of_another_sealing_is_refused(zone: SourceZone) -> None:
    answer_to(zone, manifests(zone)["delta 1"], manifest_sha256="0" * 64)
    with pytest.raises(AnswerRefused, match="another parcel"):
        told(zone)


def test_a_receipts_signature_does_not_make_a_certificate(zone: SourceZone) -> None:
    certify(zone, manifests(zone)["erasure 1"], signed_as="receipt")
    with pytest.raises(AnswerRefused, match="signature"):
        told(zone)


def test_an_erasure_that_was_refused_says_so_and_is_not_certified(zone: SourceZone) -> None:
    erasure = manifests(zone)["erasure 1"]
    answer_to(zone, erasure, state="refused", state_reason="It does not open.", rows_loaded={}, rows_quarantined={})
    said = told(zone)
    shown = next(each["answer"] for each in said["left"] if each["kind"] == "erasure")
    assert (shown["outcome"], shown["reason"]) == ("refused", "It does not open.")
    assert said["in_all"]["erasures_certified"] == 0
    certify(zone, erasure)
    assert told(zone)["in_all"]["erasures_certified"] == 1


def test_answers_under_a_key_of_the_centre_that_was_revoked_are_not_believed(zone: SourceZone) -> None:
    answer_to(zone, manifests(zone)["delta 1"])
    change_register(zone, "speaks_for", "revoked_at = 2026-09-01T00:00:00Z\nspeaks_for")
    with pytest.raises(AnswerRefused, match="receipt-signing-v1 was revoked"):
        told(zone)


def test_nor_are_answers_under_a_key_that_had_ended_before_what_they_answer_was_made(zone: SourceZone) -> None:
    answer_to(zone, manifests(zone)["delta 1"])
    change_register(zone, "valid_until = 20", "valid_until = 2026-09-01T00:00:00Z # 20")
    change_register(zone, "valid_from = 20", "valid_from = 2025-09-01T00:00:00Z # 20")
    with pytest.raises(AnswerRefused, match="signed at another time"):
        told(zone)


def change_register(zone: SourceZone, old: str, new: str) -> None:
    path = zone.settings.keys / "key_register.toml"
    path.chmod(0o600)
    path.write_text(path.read_text().replace(old, new))


def test_answers_without_the_key_to_check_them_are_not_believed(zone: SourceZone) -> None:
    (zone.settings.keys / "key_register.toml").unlink()
    with pytest.raises(RegisterRefused, match=r"key_register\.toml"):
        told(zone)


def test_a_folder_of_answers_that_is_not_there_is_not_an_empty_one(zone: SourceZone) -> None:
    (zone.root / "answers").rmdir()
    with pytest.raises(AnswerRefused, match="GP_CENTRAL_RECEIPTS_DIR"):
        told(zone)


def test_a_manifest_changed_since_it_left_is_refused(zone: SourceZone) -> None:
    path = zone.settings.outbox / manifests(zone)["delta 1"].parcel_id / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"patients_may_leave":3', b'"patients_may_leave":2'))
    with pytest.raises(OutboxDoubtful, match="signing-v1"):
        told(zone)


def test_nor_can_a_parcel_be_hidden_by_making_it_another_practices(zone: SourceZone) -> None:
    path = zone.settings.outbox / manifests(zone)["delta 1"].parcel_id / "manifest.json"
    path.write_bytes(path.read_bytes().replace(PRACTICE.encode(), b"Y99002"))
    with pytest.raises(OutboxDoubtful):
        told(zone)


def test_a_parcel_under_another_name_is_refused(zone: SourceZone) -> None:
    folder = zone.settings.outbox / manifests(zone)["delta 1"].parcel_id
    folder.rename(folder.with_name(str(uuid.uuid4())))
    with pytest.raises(OutboxDoubtful, match="another parcel's manifest"):
        told(zone)


def test_what_left_and_no_longer_lies_there_is_named_and_not_left_out(zone: SourceZone) -> None:
    first = manifests(zone)["delta 1"]
    shutil.rmtree(zone.settings.outbox / first.parcel_id)
    said = told(zone)
    assert [(each["sequence"], each["parcel_id"]) for each in said["no_longer_here"]] == [(1, first.parcel_id)]
    assert len(said["left"]) == 3
    assert first.parcel_id in page(said).decode()


def test_another_practices_parcels_are_not_told(zone: SourceZone) -> None:
    other = account("gpdpr", "Y99002", zone.settings)
    assert (other["left"], other["no_longer_here"]) == ([], [])
    note_left(zone.settings.landing, "gpdpr", "Y99002", 1, manifests(zone)["delta 1"].parcel_id)
    with pytest.raises(OutboxDoubtful, match="another's"):
        account("gpdpr", "Y99002", zone.settings)


def tokens_that_left(zone: SourceZone) -> Iterator[bytes]:
    key = central_keys.recipient_key(zone.root / "keys" / "central")
    for manifest in manifests(zone).values():
        for _, rows in opened_rows(zone.settings.outbox / manifest.parcel_id, manifest, key):
            columns = [rows[name] for name in rows.column_names if name.endswith("_token")]
            yield from (token for column in columns for token in column.to_pylist() if token)


def identifying(zone: SourceZone) -> set[str]:
    """As anybody might write them: names, numbers, dates, and tokens in hexadecimal or as a UUID."""
    of_people = {f"{part}{name}" for name in PEOPLE for part in ("Given", "Surname")} | {
        guid(name).strip("{}") for name in PEOPLE
    }
    tokens = {form for token in tokens_that_left(zone) for form in (token.hex(), str(uuid.UUID(bytes=token)))}
    return {each.lower() for each in of_people | tokens | {NUMBER, "999 000 0018", "1960-05-17", "QQ1 1AA"}}


def found_in(text: str, canaries: set[str]) -> set[str]:
    return {each for each in canaries if each in text.lower()}


def test_nobody_can_be_found_on_it(zone: SourceZone) -> None:
    answer_to(zone, manifests(zone)["delta 1"])
    certify(zone, manifests(zone)["erasure 1"])
    canaries = identifying(zone)
    said = told(zone)
    assert found_in(json.dumps(said) + page(said).decode(), canaries) == set()


def test_and_they_would_be_found_if_they_were(zone: SourceZone) -> None:
    canaries, said = identifying(zone), told(zone)
    delivered = "".join(path.read_text() for path in zone.deliveries.glob("*.csv"))
    assert {NUMBER, "surnameanne", "1960-05-17", "qq1 1aa"} <= found_in(delivered, canaries)
    token = next(tokens_that_left(zone))
    said["left"][0]["rows_held_back"].append({"reason": "x", "in_words": token.hex(), "count": 1})
    assert found_in(page(said).decode(), canaries) == {token.hex()}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))


def test_the_page_can_be_read_without_script_mouse_or_sight(zone: SourceZone) -> None:
    answer_to(zone, manifests(zone)["delta 1"])
    read = Page(page(told(zone)).decode())
    tags = [tag for tag, _ in read.tags]
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert dict(read.tags)["html"] == {"lang": "en-GB"}
    assert [tags.count(tag) for tag in ("h1", "main", "header", "footer", "script", "link", "img")] == [
        1,
        1,
        1,
        1,
        0,
        0,
        0,
    ]
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))
    assert len(ids) == len(set(ids))
    assert {each["aria-labelledby"] for _, each in read.tags if "aria-labelledby" in each} <= set(ids)
    assert tags.count("caption") == tags.count("table") > 3
    assert all("scope" in attributes for tag, attributes in read.tags if tag == "th")
    assert all("tabindex" in attributes for tag, attributes in read.tags if "scroll" in attributes.get("class", ""))
    assert [each["href"] for _, each in read.tags if "href" in each] == ["#main"]


def test_the_page_says_that_it_is_exact_synthetic_and_not_to_be_published(lived: SourceZone) -> None:
    text = re.sub(r"\s+", " ", page(told(lived)).decode())
    assert "For the practice only: do not publish" in text
    assert "Figures here are exact" in text
    assert "Every patient and record behind this page is made up." in text


def test_the_command_writes_json_or_a_page_for_its_owner_alone(zone: SourceZone) -> None:
    settings = zone.settings
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[3] / "include"),
        "GP_SOURCE_KEYS_DIR": str(settings.keys),
        "GP_SOURCE_WORK_DIR": str(settings.spool),
        "GP_SOURCE_STATE_DIR": str(settings.memory),
        "GP_LANDING_DIR": str(settings.landing),
        "GP_INCOMING_DIR": str(settings.incoming),
        "GP_OUTBOX_DIR": str(settings.outbox),
        "GP_CENTRAL_RECEIPTS_DIR": str(settings.receipts),
    }
    command = [sys.executable, "-c", "import sys; from source_zone.command_line import main; sys.exit(main())"]
    out = zone.root / "account.html"
    asked = [*command, "account", "--collection", "gpdpr", "--practice", PRACTICE]
    plain = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(plain.stdout) == told(zone)
    subprocess.run([*asked, "--html", str(out)], env=environment, capture_output=True, check=True)
    assert out.read_bytes() == page(told(zone))
    assert out.stat().st_mode & 0o077 == 0
    forged(answer_to(zone, manifests(zone)["delta 1"]))
    refused = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr.startswith("AnswerRefused (a person must act)")
