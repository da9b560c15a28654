"""The store's tokens: keyed again, the same for the same, and nothing where there was nothing."""

import hmac

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from central_zone.tokens import with_store_tokens
from crossing.canonical import schema
from support.parcels import observations, rows, tokens

_KEY = bytes(range(32))
_TOKENS = st.lists(st.none() | st.binary(min_size=16, max_size=16), max_size=40)


def keyed_in_python(token):
    """An independent implementation: the standard library over the hexadecimal text of T1."""
    return None if token is None else hmac.digest(_KEY.hex().encode(), token.hex().encode(), "sha256")[:16]


@given(_TOKENS)
def test_every_token_is_keyed_again_and_null_stays_null(staff):
    made = observations(len(staff), staff_role_token=pa.array(staff, pa.binary(16)))
    keyed = with_store_tokens("observation", made, _KEY)
    assert keyed["staff_role_token"].to_pylist() == [keyed_in_python(token) for token in staff]
    assert keyed["record_token"].to_pylist() == [keyed_in_python(token) for token in made["record_token"].to_pylist()]
    assert keyed.schema == schema("observation")


def test_columns_that_are_no_tokens_are_left_as_they_are():
    made = observations(10)
    keyed = with_store_tokens("observation", made, _KEY)
    assert keyed["snomed_concept_id"] == made["snomed_concept_id"]


def test_a_published_vector():
    """T1 of sixteen zero bytes under the key 00 01 .. 1f."""
    made = rows("staff_role", 1, record_token=pa.array([bytes(16)], pa.binary(16)))
    (token,) = with_store_tokens("staff_role", made, _KEY)["record_token"].to_pylist()
    assert token.hex() == "871bc85d475e3680713dbbe3e09003f8"


def test_another_key_gives_other_tokens():
    made = rows("staff_role", 5, record_token=tokens(5))
    ours, theirs = (
        with_store_tokens("staff_role", made, key)["record_token"].to_pylist() for key in (_KEY, _KEY[::-1])
    )
    assert not set(ours) & set(theirs)
