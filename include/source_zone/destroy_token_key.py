"""Destroying an older token key, once the centre has signed that nothing it holds was made with it any more."""

from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossing.answers import PAYLOAD_TYPES, RETIREMENT, SignedAnswer, bytes_to_sign, read_answer
from crossing.errors import PersonMustAct
from crossing.key_register import RECEIPTS, KeyNotValid, read_key_register
from source_zone.bridge_practices import remembered
from source_zone.keys import memory_key, token_key_name
from source_zone.memory import MemoryFile
from source_zone.settings import Settings
from source_zone.token_key_versions import destroy, newest_version


class KeyStillNeeded(PersonMustAct):
    """A token key may not be destroyed yet, or not on the word that was shown."""


def destroy_token_key(collection: str, version: int, statement: bytes, settings: Settings) -> dict[str, Any]:
    """`statement` is the centre's `<key>.retired.json`. Answers whether the key was there. Raises KeyStillNeeded, AnswerRefused."""
    name = token_key_name(collection, version)
    _check_statement(name, collection, statement, settings)
    if version >= newest_version(settings.keys, collection):
        raise KeyStillNeeded(f"{name} is the newest there is. Make the next one first: gp-source keys rotate")
    behind = [code for code, at in versions_in_use(collection, settings).items() if any(each <= version for each in at)]
    if behind:
        raise KeyStillNeeded(
            f"{name} is still the key of {', '.join(behind)}. Bring them to the newest: gp-source keys bridge"
        )
    return {"key": name, "state": "destroyed" if destroy(settings.keys, collection, version) else "already"}


def versions_in_use(collection: str, settings: Settings) -> dict[str, list[int]]:
    """By its memory, and by the one that a killed run left beside it: nobody has looked yet whether its parcel left."""
    key = memory_key(settings.keys)
    files = {code: MemoryFile(settings.memory / collection / code, key) for code in remembered(collection, settings)}
    known = {code: (file.read(), file.read_next()) for code, file in files.items()}
    return {
        code: [each.token_key_version for each in memories if each and each.token_key_version]
        for code, memories in known.items()
    }


def _centres_key(answer: SignedAnswer, settings: Settings) -> Ed25519PublicKey:
    """As our register has it today; a statement is made again, with the centre's present key, as often as it is asked for."""
    today = datetime.now(UTC)
    key = read_key_register(settings.keys).key(answer.signing_key, RECEIPTS, at=today, now=today)
    return Ed25519PublicKey.from_public_bytes(key.ed25519)


def _check_statement(name: str, collection: str, statement: bytes, settings: Settings) -> None:
    file = f"{name}.retired.json"
    answer = read_answer(statement, RETIREMENT, file)
    try:
        signed = bytes_to_sign(answer.content, PAYLOAD_TYPES[RETIREMENT])
        _centres_key(answer, settings).verify(answer.signature, signed)
    except (InvalidSignature, KeyNotValid):
        raise KeyStillNeeded(
            f"{file} does not bear the centre's signature. Ask the centre for the right one."
        ) from None
    if (answer.content.get("collection"), answer.content.get("token_key")) != (collection, name):
        raise KeyStillNeeded(f"The statement is about another key than {name}. Ask the centre for the right one.")
