"""Tokens by docs/tokens.md and the standard library alone: what anybody can write to check what we publish.

Shares no code with include/. HKDF is RFC 5869 written out; HMAC is the standard library's.
"""

import hashlib
import hmac

BLOCK = 32  # bytes of SHA-256


def hkdf(key: bytes, info: bytes, length: int = 32, salt: bytes = b"") -> bytes:
    """RFC 5869: extract, then expand."""
    extracted = hmac.digest(salt or bytes(BLOCK), key, hashlib.sha256)
    made = block = b""
    for number in range(1, -(-length // BLOCK) + 1):
        block = hmac.digest(extracted, block + info + bytes([number]), hashlib.sha256)
        made += block
    return made[:length]


def token(sub_key: bytes, message: bytes) -> bytes:
    """The key is the sub-key in hexadecimal; the token is the first half of the HMAC."""
    return hmac.digest(sub_key.hex().encode("ascii"), message, hashlib.sha256)[:16]


def local_message(practice_code: str, form: str) -> bytes:
    return b"local_id\x00" + practice_code.encode("ascii") + b"\x00" + form.encode("ascii")


def person_message(form: str) -> bytes:
    return b"nhs_number\x00" + form.encode("ascii")


def next_message(earlier: bytes) -> bytes:
    """Of a token, for the next one: its thirty-two lower-case hexadecimal characters."""
    return earlier.hex().encode("ascii")


def local_form(written: str) -> str | None:
    """Around it no braces and spaces; capitals; visible ASCII and spaces only; something must be left."""
    spelt = written.strip("{} ")
    if not spelt or any(not " " <= each <= "~" for each in spelt):
        return None
    return spelt.upper()


def person_form(written: str) -> str | None:
    """Spaces and hyphens dropped; ten digits of 0 to 9; weights 10 to 2, modulus 11; never one that was never issued."""
    digits = written.strip().replace(" ", "").replace("-", "")
    if len(digits) != 10 or any(each not in "0123456789" for each in digits):
        return None
    rest = sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=False)) % 11
    if (11 - rest) % 11 != int(digits[9]) or (digits[0] == digits[9] and len({*digits[1:9], "0"}) == 1):
        return None
    return None if len(set(digits)) == 1 else digits
