"""What is looked for: every planted value in every form it might take, labelled, and never shown."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from leak_search.encodings import AS_NUMBER, AS_SHORT_NUMBER, WRITTEN, Encoding, base64_inside, fits_a_number

SHORTEST_TEXT = 6
_NUMBER_BYTES, _ZEROS = 8, 3
_UNMISTAKABLE_DIGITS = 10  # an NHS number's
_HASHES = ("md5", "sha1", "sha256", "sha512", "blake2b")
_DATES_OF_PROGRAMS = ("%Y-%m-%d", "%d/%m/%Y", "%Y%m%d")
_DATES_OF_PEOPLE = ("%d-%m-%Y", "%d.%m.%Y", "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%d%m%Y")
# A hash is known by its beginning, so one that was cut to 64 bits is found too.
_HASH_BYTES, _HASH_HEX, _HASH_BASE64 = 8, 16, 10


class TooShort(ValueError):
    """A value that would be found everywhere by chance. Plant something longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needle:
    """One form of one value. `is_apart`: counts only where neither letter nor digit is beside it.

    `is_short`: so few bytes that a gigabyte of noise holds one by chance (five bytes: one chance in 10^12 at each place, so
    three thousand needles would meet three a gigabyte). It counts only where its surroundings are not noise, which sealed and
    compressed bytes are and pages, records and text are not.
    `is_mostly_zeros`: a number of five bytes in eight. Where a server writes down its own lengths and counters, it is met by chance.
    """

    label: str
    encoding: str
    pattern: bytes = field(repr=False)
    is_apart: bool = False
    is_short: bool = False

    @property
    def is_mostly_zeros(self) -> bool:
        return len(self.pattern) == _NUMBER_BYTES and self.pattern.count(0) >= _ZEROS


def needles_for(label: str, text: str) -> list[Needle]:
    """Every form of a text of at least six characters. Raises TooShort."""
    if len(text) < SHORTEST_TEXT:
        raise TooShort(
            f"{label}: {len(text)} characters are found everywhere by chance. Plant at least {SHORTEST_TEXT}."
        )
    forms = (
        Needle(label=label, encoding=name, pattern=written, is_apart=_is_in_longer_numbers(written))
        for name, written in _forms(text)
    )
    return _without_repeats(forms) + _as_numbers(label, text)


def _is_in_longer_numbers(written: bytes) -> bool:
    """A supplier's number of eight digits is within a SNOMED CT id of eighteen by chance; one of ten, seldom enough, counts."""
    return written.isdigit() and len(written) < _UNMISTAKABLE_DIGITS


def needles_for_date(label: str, day: date) -> list[Needle]:
    """A date in the ways it is written; the three that programs write also encoded and hashed. Eight digits must stand apart."""
    found = [
        Needle(label=label, encoding=f"date {pattern}, {how}", pattern=written, is_apart=written.isdigit())
        for pattern in _DATES_OF_PROGRAMS
        for how, written in _forms(day.strftime(pattern))
    ]
    plain = [
        Needle(label=label, encoding=f"date {pattern}", pattern=written.encode(), is_apart=written.isdigit())
        for pattern in _DATES_OF_PEOPLE
        for written in (day.strftime(pattern), day.strftime(pattern).upper())
    ]
    return _without_repeats([*found, *plain])


def needles_for_key(label: str, key: bytes) -> list[Needle]:
    """A secret key: raw, hex, escaped, base64 wherever it may begin. Its first sixteen bytes stand for it, so that half a key counts."""
    return _without_repeats(
        Needle(label=label, encoding=name, pattern=written) for name, written in _forms_of_key(key[:16])
    )


def _forms_of_key(key: bytes) -> Iterator[tuple[str, bytes]]:
    yield "raw", key
    yield "raw, backwards", key[::-1]
    yield "hex", key.hex().encode()
    yield "hex, upper case", key.hex().upper().encode()
    yield "hex escapes", "".join(f"\\x{byte:02x}" for byte in key).encode()
    yield "Python bytes", repr(key)[2:-1].encode()
    yield "list of numbers", ", ".join(map(str, key)).encode()
    yield "list of numbers, close", ",".join(map(str, key)).encode()
    yield "hex, with colons", key.hex(":").encode()
    yield "base32", base64.b32encode(key)[: len(key) * 8 // 5]
    for offset in range(3):
        yield f"base64, {offset} bytes on", base64_inside(key, offset)
        yield f"base64 for URLs, {offset} bytes on", base64_inside(key, offset, urlsafe=True)


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    spellings = _spellings(text)
    for spelling, spelt in spellings.items():
        for name, encode in WRITTEN.items():
            yield from ((f"{spelling}{name}", written) for written in encode(spelt))
        yield from ((f"{spelling}{name}", written) for name, written in _hashes(spelt.encode()))
    yield from ((f"of UTF-16, {name}", written) for name, written in _hashes(text.encode("utf-16-le")))


def _spellings(text: str) -> dict[str, str]:
    """How people and programs respell a text; digits by threes and four, as NHS numbers are."""
    bare = "".join(text.split())
    spellings = {"": text, "lower case, ": text.lower(), "upper case, ": text.upper(), "without spaces, ": bare}
    if bare.isascii() and bare.isdigit() and len(bare) == 10:
        groups = (bare[:3], bare[3:6], bare[6:])
        spellings |= {"spaced, ": " ".join(groups), "hyphened, ": "-".join(groups)}
    found: dict[str, str] = {}
    for name, spelt in spellings.items():
        if spelt not in found.values():
            found[name] = spelt
    return found


def _hashes(data: bytes) -> Iterator[tuple[str, bytes]]:
    for name in _HASHES:
        digest = hashlib.new(name, data, usedforsecurity=False).digest()
        yield f"{name}, raw", digest[:_HASH_BYTES]
        yield f"{name}, hex", digest.hex()[:_HASH_HEX].encode()
        yield f"{name}, hex, upper case", digest.hex()[:_HASH_HEX].upper().encode()
        yield f"{name}, base64", base64.b64encode(digest)[:_HASH_BASE64]
        yield f"{name}, base64 for URLs", base64.urlsafe_b64encode(digest)[:_HASH_BASE64]


def _as_numbers(label: str, text: str) -> list[Needle]:
    digits = "".join(text.split())
    if not fits_a_number(digits):
        return []
    return [*_numbers(label, digits, AS_NUMBER), *_numbers(label, digits, AS_SHORT_NUMBER, is_short=True)]


def _numbers(label: str, digits: str, encodings: dict[str, Encoding], *, is_short: bool = False) -> Iterator[Needle]:
    for name, encode in encodings.items():
        for written in encode(digits):
            yield Needle(label=label, encoding=name, pattern=written, is_short=is_short and len(written) < 7)


def _without_repeats(needles: Iterable[Needle]) -> list[Needle]:
    """The first name of each form; many fall together, in texts of digits above all."""
    found: dict[bytes, Needle] = {}
    for needle in needles:
        found.setdefault(needle.pattern, needle)
    return list(found.values())
