"""A key is found however Python and JSON write it, whatever marks are among its bytes."""

import hashlib
import json

from key_custody.whereabouts.needles import key_needles
from support.for_each import for_each

SOME = hashlib.sha256(b"a key").digest()
MARKS = (b"", b"'", b'"', b"\\", b"'\"", b"\"'\\")


@for_each(MARKS)
def test_a_key_as_python_writes_it_is_found_also_inside_json(marks: bytes) -> None:
    key = SOME[:4] + marks + SOME[4 + len(marks) :]
    patterns = [needle.pattern for needle in key_needles("a-key", key)]
    for written in (repr(key), json.dumps({"key": repr(key)}), str({"key": key})):
        assert any(pattern in written.encode() for pattern in patterns), marks
