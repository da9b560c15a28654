"""Every form of a value is found, each written here by other means than the search's own."""

import base64
import binascii
import codecs
import hashlib
import html
import json
import quopri
import struct
import urllib.parse
from datetime import date
from io import BytesIO

import pyarrow as pa
import pytest

from leak_search.encodings import AS_NUMBER, AS_SHORT_NUMBER, WRITTEN
from leak_search.matcher import Matcher
from leak_search.needles import Needle, TooShort, needles_for, needles_for_date, needles_for_key

NHS_NUMBER = "9990001234"
NAME = "Zorblatt O'Quill & Söhne"

Written = dict[str, bytes]


def independently(text: str) -> Written:
    """One text in each encoding, made by the libraries that others would use."""
    data = text.encode()
    hexed = binascii.hexlify(data).decode()
    pairs = [hexed[at : at + 2] for at in range(0, len(hexed), 2)]
    return {
        "plain": data,
        "UTF-16LE": codecs.encode(text, "utf-16-le"),
        "UTF-16BE": codecs.encode(text, "utf-16-be"),
        "in a URL": urllib.parse.urlencode({"q": text}, quote_via=urllib.parse.quote)[2:].encode(),
        "percent signs": "".join(f"%{pair}" for pair in pairs).encode(),
        "percent signs, upper case": "".join(f"%{pair.upper()}" for pair in pairs).encode(),
        "quoted-printable": "".join(f"={pair.upper()}" for pair in pairs).encode(),
        "HTML": text.replace("&", "&amp;").replace("'", "&#x27;").encode(),
        "HTML entities": "".join(f"&#{int(pair, 16)};" for pair in pairs).encode(),
        "HTML entities, hex": "".join(f"&#x{pair.lstrip('0')};" for pair in pairs).encode(),
        "JSON": json.dumps({"a": text}).split('": "')[1][:-2].encode(),
        "JSON escapes": "".join(f"\\u00{pair}" for pair in pairs).encode(),
        "hex": hexed.encode(),
        "hex, upper case": hexed.upper().encode(),
        "hex, spaced": " ".join(pairs).encode(),
        "hex escapes": "".join(f"\\x{pair}" for pair in pairs).encode(),
        "octal escapes": "".join(f"\\{int(pair, 16):03o}" for pair in pairs).encode(),
        "list of numbers": str([int(pair, 16) for pair in pairs])[1:-1].encode(),
        "list of numbers, close": json.dumps([int(pair, 16) for pair in pairs], separators=(",", ":"))[1:-1].encode(),
        "hex, with colons": ":".join(pairs).encode(),
        "base64": base64.b64encode(data + b" and more"),
        "base64, one byte on": base64.b64encode(b"1" + data + b" and more"),
        "base64, two bytes on": base64.b64encode(b"12" + data),
        "base64 for URLs": base64.urlsafe_b64encode(data),
        "base64 for URLs, one byte on": base64.urlsafe_b64encode(b"abcd" + data),
        "base64 for URLs, two bytes on": base64.urlsafe_b64encode(b"ab" + data + b"!"),
        "base32": base64.b32encode(data),
        "backwards": "".join(reversed(text)).encode(),
    }


def varint(number: int) -> bytes:
    """From its binary digits, seven at a time, the last group first."""
    digits = f"{number:b}"
    digits = digits.zfill(len(digits) + -len(digits) % 7)
    groups = [int(digits[at : at + 7], 2) for at in range(0, len(digits), 7)]
    return bytes([*(group + 128 for group in reversed(groups[1:])), groups[0]])


NUMBERS: dict[str, list[bytes]] = {
    "64-bit number": [int(NHS_NUMBER).to_bytes(8, "little"), int(NHS_NUMBER).to_bytes(8, "big")],
    "floating-point number": [bytes(pa.array([float(NHS_NUMBER)]).buffers()[1])[:8], struct.pack("!d", 9990001234.0)],
    "PostgreSQL numeric": [struct.pack("<3H", 99, 9000, 1234), struct.pack(">3H", 99, 9000, 1234)],
    "packed decimal with sign": [bytes.fromhex("09990001234c"), bytes.fromhex("09990001234f")],
    "packed decimal": [bytes.fromhex("9990001234")],
    "varint": [varint(9990001234)],
    "zigzag varint": [varint(2 * 9990001234)],
}  # fmt: skip


def found(needles: list[Needle], data: bytes) -> set[str]:
    return {needle.encoding for needle in Matcher(needles).matches(BytesIO(data))}


def test_no_encoding_goes_without_a_test() -> None:
    assert set(independently(NAME)) == set(WRITTEN)
    assert set(NUMBERS) == set(AS_NUMBER) | set(AS_SHORT_NUMBER)


@pytest.mark.parametrize("encoding", list(independently(NAME)))
@pytest.mark.parametrize("text", [NHS_NUMBER, NAME])
def test_each_encoding_is_found(encoding: str, text: str) -> None:
    assert found(needles_for("value", text), b"before " + independently(text)[encoding] + b" after")


@pytest.mark.parametrize("encoding", list(NUMBERS))
def test_each_way_to_write_a_number_is_found(encoding: str) -> None:
    needles = needles_for("number", NHS_NUMBER)
    for written in NUMBERS[encoding]:
        assert encoding in found(needles, b"\0\0a record: " + written + b"\0\0\0\x01")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b"])
@pytest.mark.parametrize("spelt", [NHS_NUMBER, "999 000 1234", "999-000-1234"])
def test_a_hash_is_found_whatever_was_hashed_and_however_it_is_written(algorithm: str, spelt: str) -> None:
    needles, digest = needles_for("number", NHS_NUMBER), hashlib.new(algorithm, spelt.encode()).digest()
    for written in (digest, digest.hex().encode(), digest.hex().upper().encode(), base64.b64encode(digest)):
        assert found(needles, b"id=" + written)
    assert found(needles, b"cut to 64 bits: " + digest[:8])


@pytest.mark.parametrize("spelt", ["999 000 1234", "999-000-1234", "9990001234"])
def test_an_nhs_number_is_found_however_it_is_grouped(spelt: str) -> None:
    assert found(needles_for("number", "999 000 1234"), spelt.encode())


@pytest.mark.parametrize("spelt", ["ZORBLATT QUILL", "zorblatt quill", "ZorblattQuill", "Zorblatt Quill"])
def test_a_name_is_found_in_any_case_and_run_together(spelt: str) -> None:
    assert found(needles_for("name", "Zorblatt Quill"), spelt.encode())


def test_html_as_a_template_escapes_it() -> None:
    assert found(needles_for("name", NAME), html.escape(NAME).encode())


def test_quoted_printable_as_mail_is_written() -> None:
    assert found(needles_for("name", "Zorblatt"), quopri.encodestring(b"Zorblatt"))


@pytest.mark.parametrize(
    "written",
    ["1903-08-17", "17/08/1903", "17-08-1903", "17.08.1903", "17-Aug-1903", "17-AUG-1903", "17 August 1903", "1903/08/17",
     "x 19030817,", "on 17081903.", "1903-08-17T00:00:00Z", base64.b64encode(b"born 1903-08-17").decode()],
)  # fmt: skip
def test_a_date_is_found_as_people_and_programs_write_it(written: str) -> None:
    assert found(needles_for_date("date", date(1903, 8, 17)), written.encode())


def test_eight_digits_within_a_longer_number_are_no_date() -> None:
    needles = needles_for_date("date", date(1903, 8, 17))
    assert not found(needles, b"5190308170")
    assert not found(needles, b"x19030817")


@pytest.mark.parametrize("written", ["60123456", "65432106"])
def test_a_number_of_eight_digits_counts_where_it_stands_by_itself(written: str) -> None:
    """A SNOMED CT id of sixteen digits holds one by chance, forwards or backwards."""
    needles = needles_for("number at the supplier", "60123456")
    assert found(needles, f"1{written}00000106".encode()) == set()
    assert found(needles, f"\n{written}\n".encode())
    assert found(needles_for("nhs number", NHS_NUMBER), f"1{NHS_NUMBER}00106".encode())


KEY = hashlib.sha256(b"a key").digest()


@pytest.mark.parametrize(
    "written",
    [KEY, KEY.hex().encode(), KEY.hex().upper().encode(), base64.b64encode(KEY), base64.b64encode(b"1" + KEY),
     base64.urlsafe_b64encode(b"12" + KEY), repr(KEY).encode(), base64.b32encode(KEY), str(list(KEY)).encode(), KEY[:16], KEY[::-1][16:]],
)  # fmt: skip
def test_a_key_is_found(written: bytes) -> None:
    assert found(needles_for_key("key", KEY), b"GP_KEY=" + written)


def test_what_is_too_short_is_refused() -> None:
    with pytest.raises(TooShort, match="at least 6"):
        needles_for("initials", "AB")


def test_a_needle_shows_its_label_and_never_its_value() -> None:
    for needle in needles_for("nhs number of anne", NHS_NUMBER):
        assert NHS_NUMBER not in repr(needle)
        assert NHS_NUMBER not in str(needle)
    assert "nhs number of anne" in repr(needles_for("nhs number of anne", NHS_NUMBER)[0])


def test_some_thirty_encodings_of_each_value_and_more_of_numbers() -> None:
    assert len(WRITTEN) >= 25
    assert len({needle.encoding for needle in needles_for("number", NHS_NUMBER)}) > 60
