"""What is looked for: every secret of the zone, its sub-keys, the data key and what opens that, in every form it might take."""

import json
from collections.abc import Iterator
from pathlib import Path

from crossing.connections import read_secret_file
from crossing.errors import GPCollectError
from key_custody.custody import KeyCustody, open_custody
from key_custody.custody_file import files_of_custody, read_custody_file
from key_custody.unwrapped import unwrapped
from key_custody.whereabouts.deployment import Deployment
from key_custody.whereabouts.verdict import Verdict, ok, take_care, wrong
from leak_search.needles import SHORTEST_TEXT, Needle, needles_for, needles_for_key

PLACE = "secrets"
_PIECE = 32  # a key of several is looked for by each: half of it is a leak
_PUBLIC_ENDINGS = (".crt", ".pub")
_LINE = 40  # characters of the end of a private key in PEM, past the header that all share


def all_needles(deployment: Deployment) -> tuple[list[Needle], list[Verdict]]:
    """Never raises for a key that is refused: that is a verdict, and the others are looked for."""
    secrets, said = _secrets(deployment)
    needles = [
        needle
        for name, key in (secrets | dict(deployment.derived(secrets))).items()
        for needle in key_needles(name, key)
    ]
    words, short = _words(deployment.keys)
    needles += [needle for label, text in words.items() for needle in needles_for(label, text)]
    if short:
        said.append(take_care(PLACE, f"{len(short)} too short to be looked for: {', '.join(short)}. Use longer ones."))
    if not any(each.said == "wrong" for each in said):
        said.append(
            ok(PLACE, f"{len(secrets)} keys and {len(words)} other secrets are looked for, in {len(needles)} forms")
        )
    return needles, said


def _secrets(deployment: Deployment) -> tuple[dict[str, bytes], list[Verdict]]:
    secrets: dict[str, bytes] = {}
    said: list[Verdict] = []
    try:
        custody = open_custody(deployment.keys)
        names = custody.names()
        if custody.backend != "file":
            secrets["data key"] = unwrapped(deployment.keys, read_custody_file(deployment.keys))
    except GPCollectError as error:
        return {}, [wrong(PLACE, str(error))]
    for name in names:
        try:
            secrets[name] = _secret(custody, name, deployment)
        except GPCollectError as error:
            said.append(wrong(PLACE, str(error)))
    if not names:
        said.append(wrong(PLACE, "this zone has no key at all. Look whether its folder is the right one."))
    return secrets, said


def _secret(custody: KeyCustody, name: str, deployment: Deployment) -> bytes:
    """One of a strange name is looked for as well; that it is strange is told elsewhere."""
    expected = deployment.expected_bytes(name)
    return custody.secret(name, expected_bytes=custody.size(name) if expected is None else expected)


def key_needles(name: str, key: bytes) -> Iterator[Needle]:
    """Each in the forms of the search, and in those that JSON or Python writes otherwise once more."""
    for start in range(0, len(key), _PIECE):
        for needle in needles_for_key(name, key[start : start + _PIECE]):
            yield needle
            for again, pattern in _written_again(needle.pattern):
                yield Needle(label=name, encoding=f"{needle.encoding}, {again}", pattern=pattern)


def _written_again(pattern: bytes) -> Iterator[tuple[str, bytes]]:
    """JSON puts a backslash before backslashes and quotation marks; Python before an apostrophe where there are both marks."""
    if not pattern.isascii():
        return
    apostrophe = pattern.replace(b"'", b"\\'")
    for said, form in (("in JSON", pattern), ("apostrophes marked, in JSON", apostrophe)):
        in_json = json.dumps(form.decode())[1:-1].encode()
        if in_json not in (pattern, apostrophe) or form != pattern:
            yield said, in_json
    if apostrophe != pattern:
        yield "apostrophes marked", apostrophe


def _words(keys: Path) -> tuple[dict[str, str], list[str]]:
    """Passwords and private keys of connections, and what custody itself shows to Vault or the module."""
    found: dict[str, str] = {}
    files = [path for path in sorted(keys.glob("connections/*/*")) if path.suffix not in _PUBLIC_ENDINGS]
    for path in [*files, *files_of_custody(keys)]:
        try:
            text = _telling_part(read_secret_file(path).decode(errors="surrogateescape"))
        except (GPCollectError, OSError):
            continue  # whether it is loose or missing is told by those who look at files, or use it
        found[path.name if path.parent == keys else f"{path.parent.name}/{path.name}"] = text
    short = sorted(name for name, text in found.items() if len(text) < SHORTEST_TEXT)
    return {name: text for name, text in found.items() if name not in short}, short


def _telling_part(text: str) -> str:
    if "PRIVATE KEY" not in text:
        return text
    body = [line for line in text.splitlines() if line and not line.startswith("-")]
    return max(body[-2:], key=len)[-_LINE:] if body else text
