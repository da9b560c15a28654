"""What MESH answers becomes an error of ours, without its address or its words."""

import pytest
from requests import HTTPError, Response

from crossing.mesh_answers import MessageLocked, answers_told


def test_a_message_that_takes_no_more_chunks_is_tried_again() -> None:
    """The sandbox of the tests locks no message; MESH does so once it has all chunks."""
    answer = Response()
    answer.status_code, answer.url = 423, "https://mesh.invalid/secret"
    with pytest.raises(MessageLocked, match="takes no more chunks") as told, answers_told("mesh_national"):
        raise HTTPError(response=answer)
    assert "secret" not in str(told.value)
