"""How one text may be written down: as characters, in escapes, packed, as a number, backwards."""

import base64
import html
import json
import struct
from collections.abc import Callable
from urllib.parse import quote

Encoding = Callable[[str], list[bytes]]
_INT64 = 2**63


def _each(pattern: str) -> Encoding:
    """Every byte of the text written out by one pattern, as escapes do."""
    return lambda text: ["".join(pattern.format(byte) for byte in text.encode()).encode()]


def _one(function: Callable[[str], str | bytes]) -> Encoding:
    def encode(text: str) -> list[bytes]:
        written = function(text)
        return [written.encode() if isinstance(written, str) else written]

    return encode


def base64_inside(data: bytes, offset: int, *, urlsafe: bool = False) -> bytes:
    """The characters that stand for `data` whatever is before it (`offset` bytes more than a multiple of three) and after it."""
    written = (base64.urlsafe_b64encode if urlsafe else base64.b64encode)(bytes(offset) + data + b"\0\0")
    settled = (offset + len(data)) * 8 // 6
    return written[(0, 2, 3)[offset] : settled]


def _base64(offset: int, *, urlsafe: bool = False) -> Encoding:
    return lambda text: [base64_inside(text.encode(), offset, urlsafe=urlsafe)]


# Of whole texts. Those that differ from the text itself only where it has signs or letters fall together with it elsewhere.
WRITTEN: dict[str, Encoding] = {
    "plain": _one(str),
    "UTF-16LE": _one(lambda text: text.encode("utf-16-le")),
    "UTF-16BE": _one(lambda text: text.encode("utf-16-be")),
    "in a URL": _one(lambda text: quote(text, safe="")),
    "percent signs": _each("%{:02x}"),
    "percent signs, upper case": _each("%{:02X}"),
    "quoted-printable": _each("={:02X}"),
    "HTML": _one(html.escape),
    "HTML entities": _each("&#{};"),
    "HTML entities, hex": _each("&#x{:x};"),
    "JSON": _one(lambda text: json.dumps(text)[1:-1]),
    "JSON escapes": _each("\\u{:04x}"),
    "hex": _one(lambda text: text.encode().hex()),
    "hex, upper case": _one(lambda text: text.encode().hex().upper()),
    "hex, spaced": _one(lambda text: text.encode().hex(" ")),
    "hex, with colons": _one(lambda text: text.encode().hex(":")),
    "hex escapes": _each("\\x{:02x}"),
    "octal escapes": _each("\\{:03o}"),
    "list of numbers": _one(lambda text: ", ".join(map(str, text.encode()))),
    "list of numbers, close": _one(lambda text: ",".join(map(str, text.encode()))),  # as canonical JSON has it
    "base64": _base64(0),
    "base64, one byte on": _base64(1),
    "base64, two bytes on": _base64(2),
    "base64 for URLs": _base64(0, urlsafe=True),
    "base64 for URLs, one byte on": _base64(1, urlsafe=True),
    "base64 for URLs, two bytes on": _base64(2, urlsafe=True),
    "base32": _one(lambda text: base64.b32encode(text.encode())[: len(text.encode()) * 8 // 5]),
    "backwards": _one(lambda text: text[::-1]),
}


def _varint(number: int) -> bytes:
    groups = []
    while True:
        number, low = number >> 7, number & 0x7F
        groups.append(low | (0x80 if number else 0))
        if not number:
            return bytes(groups)


def _packed_decimal(digits: str, sign: str = "") -> bytes:
    nibbles = digits + sign
    return bytes.fromhex(nibbles if len(nibbles) % 2 == 0 else "0" + nibbles)


def _postgres_numeric(digits: str) -> list[bytes]:
    """The groups of four digits of PostgreSQL's numeric, as 16-bit numbers in a page and on the wire."""
    padded = digits.zfill(-(-len(digits) // 4) * 4)
    groups = [int(padded[at : at + 4]) for at in range(0, len(padded), 4)]
    return [struct.pack(f"{order}{len(groups)}H", *groups) for order in "<>"]


# Of texts that are nothing but 9 to 18 digits. A 32-bit number is left out: four bytes are everywhere by chance.
AS_NUMBER: dict[str, Encoding] = {
    "64-bit number": lambda digits: [struct.pack(order + "q", int(digits)) for order in "<>"],
    "floating-point number": lambda digits: [struct.pack(order + "d", float(int(digits))) for order in "<>"],
    "PostgreSQL numeric": _postgres_numeric,
    "packed decimal with sign": lambda digits: [_packed_decimal(digits, sign) for sign in "cf"],
}
# Of the same, but only five bytes long: see Needle.is_short.
AS_SHORT_NUMBER: dict[str, Encoding] = {
    "packed decimal": lambda digits: [_packed_decimal(digits)],
    "varint": lambda digits: [_varint(int(digits))],
    "zigzag varint": lambda digits: [_varint(int(digits) << 1)],
}


def fits_a_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 9 <= len(text) <= 18 and int(text) < _INT64
