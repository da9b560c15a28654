"""The column hash is HMAC-SHA-256 as everyone else computes it."""

import hmac

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from crossing.tokens import keyed_tokens, keyed_tokens_of_repeats

KEY = bytes(range(32))


def expected(message: str | None) -> bytes | None:
    return None if message is None else hmac.digest(KEY.hex().encode(), message.encode(), "sha256")[:16]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), max_size=20))
def test_agrees_with_the_standard_library_value_by_value(messages: list[str | None]) -> None:
    column = pa.array(messages, pa.string())
    answer = [expected(message) for message in messages]
    assert keyed_tokens(column, KEY).to_pylist() == answer
    assert keyed_tokens_of_repeats(column, KEY).to_pylist() == answer
    assert keyed_tokens_of_repeats(pa.chunked_array([column, column]), KEY).to_pylist() == answer * 2


def test_a_published_vector() -> None:
    """Fixed for good: if this fails, every token ever made has lost its meaning."""
    token = keyed_tokens(pa.array(["nhs_number\x009990548609"]), KEY)[0].as_py()
    assert token.hex() == "3316c7cd015e0956ed45bbaa18bcd94f"


def test_another_key_gives_another_token() -> None:
    column = pa.array(["a"])
    assert keyed_tokens(column, KEY) != keyed_tokens(column, bytes(range(1, 33)))
