"""The order in which a parcel is checked, shown by parcels that are wrong in two ways: the earlier check has the word.

CHECKS stands in the order of docs/tokens.md, "What is asked of a parcel, in order". Each has a way to break it and what
is said then; a parcel that breaks two neighbours is refused for the first. What a known signer signed is answered.
"""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from central_zone import keys as central_keys
from central_zone import load_parcel, receipts, receive
from central_zone.admit import PARCELS_OWN_FAULT, admit
from central_zone.errors import ParcelRefused
from central_zone.store.role_names import LOADER
from central_zone.zone import opened
from crossing.errors import GPCollectError
from crossing.parcel import part_name
from support.parcels import Keys, Sealed, a_night, patients, seal, sign, to_parquet, tokens

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)


@dataclass
class Making:
    """A parcel on its way to being wrong."""

    zone: Any
    rows: pa.Table = field(default_factory=patients)
    pack: Callable[[pa.Table], bytes] = to_parquet
    keys: Keys = field(init=False)
    manifest: dict[str, Any] = field(default_factory=dict)  # fields to replace before it is signed
    of_part: dict[str, Any] = field(default_factory=dict)  # fields of its only part to replace
    entry: dict[str, Any] = field(default_factory=dict)  # what the register says
    copies: int = 1  # of that part
    after: list[Callable[[Path], None]] = field(default_factory=list)  # done to the folder, once it is signed

    def __post_init__(self) -> None:
        self.keys = self.zone.keys

    def made(self) -> Sealed:
        inbox = self.zone.settings.inbox_folder
        parcel = seal(inbox, self.keys, {"patient": self.rows}, pack=self.pack)
        (part,) = parcel.manifest.parts
        parts = (replace(part, **self.of_part, name=part_name(index)) for index in range(self.copies))
        manifest = replace(parcel.manifest, parts=tuple(parts), **self.manifest)
        folder = parcel.folder.rename(inbox / manifest.parcel_id)
        sign(folder, self.keys, manifest)
        self.zone.keys.register(self.zone.keys.entry(**self.entry))
        for change in self.after:
            change(folder)
        return Sealed(self._where(folder), manifest)

    def _where(self, folder: Path) -> Path:
        moved = folder.parent / MOVED
        return moved if moved.exists() else folder


MOVED = "11111111-1111-1111-1111-111111111111"


def too_large(making: Making) -> None:
    making.after.append(
        lambda folder: (folder / "manifest.json").write_bytes(
            b" " * 1_000_000 + (folder / "manifest.json").read_bytes()
        )
    )


def unknown_signer(making: Making) -> None:
    making.manifest["signing_key"] = "signing-v9"


def revoked(making: Making) -> None:
    making.entry["revoked_at"] = NOW - DAY


def ended(making: Making) -> None:
    making.entry["valid_until"] = NOW - DAY


def a_signature_too_many(making: Making) -> None:
    making.after.append(lambda folder: (folder / "manifest.mldsa65.sig").write_bytes(b"x" * 3309))


def another_hand(making: Making) -> None:
    making.keys = replace(making.keys, signer=Ed25519PrivateKey.generate())


def not_strict(making: Making) -> None:
    making.manifest["software"] = "Mrs Smith 9434765919"


def counts_that_do_not_close(making: Making) -> None:
    row = {"read": 11, "sent": 10, "held_back": {}, "quarantined": {}}
    making.manifest["counts"] = {**COUNTS, "tables": {"patient": row}}


COUNTS = {
    "patients_held_back": {},
    "patients_may_leave": 0,
    "reference_rows": {},
    "not_collected": {},
    "generalised": {},
    "retired_objections": {},
}


def of_another_practice(making: Making) -> None:
    making.entry["speaks_for"] = ("B12345",)


def under_a_made_up_id(making: Making) -> None:
    making.manifest["parcel_id"] = str(uuid.UUID(int=7))


def in_a_folder_of_another_name(making: Making) -> None:
    making.after.append(lambda folder: folder.rename(folder.parent / MOVED))


def for_another_recipient(making: Making) -> None:
    making.manifest["recipient_key"] = "recipient-v2"


def of_other_tables(making: Making) -> None:
    making.manifest["schema_sha256"] = "0" * 64


def out_of_date(making: Making) -> None:
    making.manifest["created_at"] = (NOW - 3 * DAY).isoformat()
    making.manifest["not_after"] = (NOW - 2 * DAY).isoformat()


def of_real_people(making: Making) -> None:
    making.manifest["synthetic"] = False


def of_too_much(making: Making) -> None:
    """Ten parts of 500 MB, each of which alone would do."""
    making.of_part["plaintext_bytes"] = 500 * 1024**2
    making.copies = 10
    row = {"read": 100, "sent": 100, "held_back": {}, "quarantined": {}}
    making.manifest["counts"] = {**COUNTS, "tables": {"patient": row}}


def out_of_its_place(making: Making) -> None:
    making.manifest["previous_manifest_sha256"] = "0" * 64


def of_another_size(making: Making) -> None:
    making.of_part["ciphertext_bytes"] = 5


def of_another_ciphertext(making: Making) -> None:
    making.of_part["ciphertext_sha256"] = "0" * 64


def sealed_to_somebody_else(making: Making) -> None:
    making.keys = replace(making.keys, recipient=Keys(making.zone.root / "others").make().recipient)


def of_another_plaintext(making: Making) -> None:
    making.of_part["plaintext_sha256"] = "0" * 64


def not_parquet(making: Making) -> None:
    making.pack = lambda rows: b"PAR1" + b"x" * 1000 + b"PAR1"


def of_other_columns(making: Making) -> None:
    making.rows = making.rows.append_column("surname", pa.array(["Smith"] * making.rows.num_rows))


def of_another_length(making: Making) -> None:
    making.of_part["rows"] = 12
    row = {"read": 12, "sent": 12, "held_back": {}, "quarantined": {}}
    making.manifest.setdefault("counts", {**COUNTS, "tables": {"patient": row}})


def of_long_texts(making: Making) -> None:
    place = making.rows.schema.get_field_index("sex")
    making.rows = making.rows.set_column(place, "sex", pa.array(["x" * 65] * making.rows.num_rows))


def of_missing_registrations(making: Making) -> None:
    place = making.rows.schema.get_field_index("registration_token")
    making.rows = making.rows.set_column(place, "registration_token", pa.nulls(making.rows.num_rows, pa.binary(16)))


# The check that breaks, what is said, and whether whoever signed gets a receipt.
CHECKS: list[tuple[Callable[[Making], None], str, bool]] = [
    (too_large, "larger than", False),
    (unknown_signer, "signer is not known", False),
    (revoked, "was revoked", False),
    (ended, "signed at another time", False),
    (a_signature_too_many, "has manifest.mldsa65.sig", False),
    (another_hand, "signature does not fit", False),
    (not_strict, "field software", True),
    (counts_that_do_not_close, "patient", True),
    (of_another_practice, "may not speak for", False),
    (under_a_made_up_id, "not the one its place gives it", True),
    (in_a_folder_of_another_name, "folder is not named", False),
    (for_another_recipient, "not sealed to recipient-v1", True),
    (of_other_tables, "other canonical tables", True),
    (out_of_date, "past its last day", True),
    (of_real_people, "synthetic records only", True),
    (of_too_much, "parts hold more than", True),
    (out_of_its_place, "does not follow the parcel before it", True),
    (of_another_size, "bytes, but the manifest says", True),
    (of_another_ciphertext, "not the file that was signed for", True),
    (sealed_to_somebody_else, "does not open with our key", True),
    (of_another_plaintext, "does not hold what the manifest says", True),
    (not_parquet, "not readable Parquet", True),
    (of_other_columns, "columns are not exactly", True),
    (of_another_length, "10 rows, but the manifest says 12", True),
    (of_long_texts, "holds a text of 65 bytes", True),
    (of_missing_registrations, "registration_token is missing", True),
]
ALONE = {check.__name__: (check, said, answered) for check, said, answered in CHECKS}
IN_PAIRS = {f"{one[0].__name__} and {two[0].__name__}": (one, two) for one, two in pairwise(CHECKS)}
# The register names one key; and a file that is no Parquet has no columns, so each of these covers the next but one too.
IN_PAIRS["revoked and another hand"] = (CHECKS[2], CHECKS[5])
IN_PAIRS["another plaintext and other columns"] = (CHECKS[20], CHECKS[22])


def refused(zone: Any, parcel: Sealed) -> GPCollectError:
    with opened(zone.settings, role=LOADER) as central, pytest.raises(PARCELS_OWN_FAULT) as raised:
        admit(central, parcel.folder.name)
    return raised.value


def receipt(zone: Any, parcel: Sealed) -> dict[str, Any] | None:
    """The answer, once its signature is checked; None where there is none."""
    path = zone.settings.receipts_folder / f"{parcel.manifest.parcel_id}.receipt.json"
    if not path.exists():
        return None
    content = json.loads(path.read_bytes())
    key = central_keys.receipt_signing_key(zone.keys.folder).public_key()
    key.verify(bytes.fromhex(content["signature"]), receipts.bytes_to_sign(content["receipt"]))
    return content["receipt"]


@pytest.mark.parametrize(("check", "said", "answered"), ALONE.values(), ids=ALONE)
def test_each_check_refuses_and_a_known_signer_is_told_so_in_a_signed_receipt(zone, check, said, answered):
    making = Making(zone)
    check(making)
    parcel = making.made()
    error = refused(zone, parcel)
    assert said in str(error)
    told = receipt(zone, parcel)
    assert (told is not None) is answered
    if told:
        assert (told["outcome"], told["reason"]) == ("refused", str(error))
        assert told["manifest_sha256"] == parcel.manifest.sha256()
    assert zone.query("SELECT count(*) FROM ledger.refusal") == [(1,)]
    assert not list(zone.settings.work_folder.glob("**/*.arrow"))


@pytest.mark.parametrize(("first", "second"), IN_PAIRS.values(), ids=IN_PAIRS)
def test_of_two_faults_the_earlier_check_has_the_word(zone, first, second):
    making = Making(zone)
    second[0](making)
    first[0](making)
    assert first[1] in str(refused(zone, making.made()))


class Unusable:
    """A key that cannot open anything: whoever tries gets a TypeError, which no check of ours turns into a refusal."""


def rows_of(parcel: Sealed, key: Any) -> list[Any]:
    return list(receive.opened_rows(parcel.folder, parcel.manifest, key))


def test_nothing_is_decrypted_before_every_sealed_part_has_its_hash(tmp_path, zone):
    parcel = seal(tmp_path / "parcels", zone.keys, a_night(), rows_per_part=20)
    with pytest.raises(TypeError):
        rows_of(parcel, Unusable())
    last = parcel.folder / parcel.manifest.parts[-1].name
    last.write_bytes(last.read_bytes()[:-1] + b"\0")
    with pytest.raises(ParcelRefused, match="not the file that was signed for"):
        rows_of(parcel, Unusable())


def test_nothing_is_parsed_before_what_was_sealed_has_its_hash(tmp_path, zone):
    """What is sealed here is no Parquet, and nobody finds out."""
    key = central_keys.recipient_key(zone.keys.folder)
    parcel = seal(tmp_path / "parcels", zone.keys, {"patient": patients()}, pack=lambda rows: b"no Parquet")
    with pytest.raises(ParcelRefused, match="not readable Parquet"):
        rows_of(parcel, key)
    (part,) = parcel.manifest.parts
    other = replace(parcel, manifest=replace(parcel.manifest, parts=(replace(part, plaintext_sha256="0" * 64),)))
    with pytest.raises(ParcelRefused, match="does not hold what the manifest says"):
        rows_of(other, key)


def test_a_loaded_parcel_keeps_its_receipt_whatever_comes_under_its_id(zone):
    parcel = Making(zone).made()
    load_parcel.load_parcel(parcel.folder, zone.settings)
    good = receipt(zone, parcel)
    for check in (not_strict, out_of_its_place, revoked):
        making = Making(zone, rows=patients(record_token=tokens(10, 99)))
        check(making)
        other = replace(making.made(), manifest=parcel.manifest)
        refused(zone, other)
        assert receipt(zone, parcel) == good
    assert zone.state(parcel) == "loaded"


def test_who_may_not_speak_for_a_practice_gets_no_answer_in_its_name(zone):
    """Nor by a manifest that cannot be read strictly, where the practice is only a claim."""
    making = Making(zone, entry={"speaks_for": ("B12345",)})
    not_strict(making)
    parcel = making.made()
    refused(zone, parcel)
    assert (receipt(zone, parcel), zone.state(parcel)) == (None, None)


@pytest.mark.fault(
    "F20", injected="the key is revoked after the parcel was verified, before it is loaded", happened="not loaded"
)
def test_a_parcel_whose_key_is_revoked_while_it_waits_is_not_loaded(zone):
    parcel = Making(zone).made()
    ids = [parcel.manifest.parcel_id]
    load_parcel.receive_shard("gpdpr", ids, zone.settings)
    load_parcel.validate_shard("gpdpr", ids, zone.settings)
    zone.keys.register(zone.keys.entry(revoked_at=NOW - DAY))
    (result,) = load_parcel.load_shard("gpdpr", ids, zone.settings)
    assert "was revoked" in result["reason"]
    assert zone.query("SELECT count(*) FROM records.patient") == [(0,)]


def test_a_parcel_signed_twice_is_loaded(zone):
    making = Making(zone)
    zone.keys.second_signer = MLDSA65PrivateKey.generate()
    assert load_parcel.load_parcel(making.made().folder, zone.settings)["state"] == "loaded"


def test_what_the_ledger_has_is_asked_after_who_signed_and_before_whether_we_may_load_it_today(zone):
    """A parcel that is loaded stays loaded when its days are over, or our keys changed: it is "already"."""
    parcel = Making(zone).made()
    load_parcel.load_parcel(parcel.folder, zone.settings)
    for check, said in ((out_of_date, "another under its id"), (another_hand, "signature does not fit")):
        making = Making(zone)
        check(making)
        for_another_recipient(making)
        assert said in str(refused(zone, making.made()))
