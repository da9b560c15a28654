"""What has left of one practice: the signed manifests in the outbox, each checked with our own key before it is believed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossing.canonical import NOTICES
from crossing.errors import PersonMustAct
from crossing.manifest import Manifest, bytes_to_sign, claim_of_signer, read_manifest
from crossing.parcel import MANIFEST_NAME, parcel_id, read_manifest_bytes
from source_zone.keys import own_public_keys
from source_zone.left_already import places_left
from source_zone.settings import Settings

RECORDS = "records"  # beside the kinds of notices: what a practice's first sequence counts


class OutboxDoubtful(PersonMustAct):
    """A manifest in the outbox is not as we signed it, or is not of the practice it lies there for."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in one of a practice's sequences: of its parcels, or of its notices of one kind."""

    kind: str
    sequence: int
    parcel_id: str


@dataclass(frozen=True, slots=True)
class Left:
    """Everything that left: with its manifest, in the order in which it was made; and what no longer lies here."""

    manifests: list[Manifest]
    gone: list[Place]  # noted when it left, and taken out of the outbox since


def what_left(collection: str, practice_code: str, settings: Settings) -> Left:
    """Raises OutboxDoubtful, ManifestRefused, CountsDoNotClose, ParcelUnreadable or KeyRefused."""
    keys = own_public_keys(settings.keys)
    noted = list(_noted(settings.landing, collection, practice_code))
    ids = {place.parcel_id for place in noted} | set(_claimed(settings.outbox, collection, practice_code))
    there = sorted(each for each in ids if (settings.outbox / each / MANIFEST_NAME).exists())
    manifests = [_checked(settings.outbox / each, keys) for each in there]
    strangers = sum((each.collection, each.practice_code) != (collection, practice_code) for each in manifests)
    if strangers:
        raise OutboxDoubtful(
            f"{practice_code}: {strangers} parcels that left for it say that they are another's. Report the source's software."
        )
    gone = sorted(place for place in noted if place.parcel_id not in there)
    return Left(_in_order(manifests), gone)


def _in_order(manifests: list[Manifest]) -> list[Manifest]:
    """By when each was made; within a sequence by number, whatever the clock said."""
    by_sequence = sorted(
        manifests, key=lambda each: (each.is_notice, each.extract_kind if each.is_notice else "", each.sequence)
    )
    not_before: dict[str, str] = {}
    keyed = []
    for each in by_sequence:
        which = each.extract_kind if each.is_notice else RECORDS
        not_before[which] = max(not_before.get(which, ""), each.created_at)
        keyed.append((not_before[which], each))
    return [each for _, each in sorted(keyed, key=lambda pair: pair[0])]


def _noted(landing: Path, collection: str, practice_code: str) -> Iterator[Place]:
    for kind in (RECORDS, *NOTICES):
        whose = practice_code if kind == RECORDS else f"{practice_code}.{kind}"
        for sequence, parcel in places_left(landing, collection, whose).items():
            yield Place(kind, sequence, parcel)


def _claimed(outbox: Path, collection: str, practice_code: str) -> Iterator[str]:
    """Folders whose manifest names the practice, without believing it: an outbox of all England is not parsed for one."""
    names = [f'"collection":"{collection}"'.encode(), f'"practice_code":"{practice_code}"'.encode()]
    for folder in outbox.glob("[!.]*"):
        if (folder / MANIFEST_NAME).exists() and all(name in read_manifest_bytes(folder)[0] for name in names):
            yield folder.name


def _checked(folder: Path, keys: dict[str, Ed25519PublicKey]) -> Manifest:
    data, signature = read_manifest_bytes(folder)
    name = claim_of_signer(data).signing_key
    if name not in keys:
        raise OutboxDoubtful(
            f"{folder.name}: its manifest names a signing key that is not ours. If it was, enter its public half in our own "
            "key_register.toml, for parcels."
        )
    try:
        keys[name].verify(signature, bytes_to_sign(data))
    except InvalidSignature:
        raise OutboxDoubtful(
            f"{folder.name}: its manifest is not as {name} signed it. It was changed since it left; find out by whom."
        ) from None
    manifest = read_manifest(data)
    place = manifest.collection, manifest.practice_code, manifest.sequence, manifest.extract_id
    if folder.name != manifest.parcel_id or manifest.parcel_id != parcel_id(*place):
        raise OutboxDoubtful(f"{folder.name}: the folder holds another parcel's manifest. Find out who moved it.")
    return manifest
