"""There is one way to a secret key: custody. Whoever reads or writes the file past it would miss what custody refuses."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support.for_each import for_each

INCLUDE = Path(__file__).parents[2] / "include"
# The files' own layer, custody itself, and the run's key, which is made for one spool and dies with it. Passwords of the
# store's roles are no keys: nothing is sealed or signed with one, and the server has only what verifies it.
ALLOWED = {
    "crossing/key_files.py",
    "crossing/connections.py",
    "source_zone/spool.py",
    "central_zone/store/passwords.py",
}
FILES = {"read_key_file", "write_key_file", "destroy_key_file"}
# A register of public keys is made like a key, so that it cannot be replaced by a slip.
PUBLIC = {"source_zone/make_development_keys.py", "source_zone/reidentification/make_case_keys.py"}


def calls_past_custody(path: Path) -> Iterator[int]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FILES and not is_of_a_public_key(node):
            yield node.lineno


def is_of_a_public_key(call: ast.Call) -> bool:
    return any(word.arg == "secret" and getattr(word.value, "value", None) is False for word in call.keywords)


@for_each(sorted(INCLUDE.rglob("*.py")))
def test_secret_keys_are_asked_of_custody(path: Path) -> None:
    name = str(path.relative_to(INCLUDE))
    if name in ALLOWED | PUBLIC or name.startswith("key_custody/"):
        return
    lines = list(calls_past_custody(path))
    assert lines == [], f"{name}, lines {lines}: ask key_custody.custody.open_custody(folder) for it instead."


def test_the_guard_sees_a_call_past_custody(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("read_key_file(path, expected_bytes=32)\nread_key_file(path, secret=False)\n")
    assert list(calls_past_custody(tmp_path / "module.py")) == [1]
