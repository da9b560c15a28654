"""What a bundle is wrapped in, as types made of policy: decoding one checks it, and looks into no element of an entry."""

import codecs
from typing import Any, Literal

import msgspec

from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.unshown import Unshown


class Around(Unshown):
    """One entry of a bundle; a type made of policy adds what is known beside the resource, and refuses the rest."""

    resource: dict[str, msgspec.Raw]


class Envelope(Unshown, kw_only=True):
    resourceType: Literal["Bundle"]  # noqa: N815 - FHIR's names
    entry: list[Around]
    meta: Any = None
    link: Any = None
    timestamp: Any = None


class Envelopes:
    """Opens bundles that are as they should be. Any other is for a slower reader, which can say what is wrong."""

    def __init__(self, policy: FieldPolicy) -> None:
        around = _closed("Around", Around, policy.bundle_entry, {})
        envelope = _closed("Envelope", Envelope, policy.bundle, {"entry": list.__class_getitem__(around)})
        self._decoder: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(envelope)

    def opened(self, data: bytes) -> Envelope | None:
        text = data.removeprefix(codecs.BOM_UTF8)
        try:
            if not text.isascii():
                text.decode("utf-8")  # what is not looked into must be text, too
            return self._decoder.decode(text)
        except (ValueError, RecursionError):
            return None


def _closed(name: str, base: type[msgspec.Struct], known: frozenset[str], typed: dict[str, Any]) -> Any:
    """`base` with every name that policy knows, and no other."""
    more = sorted(known - set(base.__struct_fields__))
    fields = [(f"unread_{number}", msgspec.Raw, msgspec.Raw()) for number in range(len(more))]
    rename = {attribute: element for (attribute, _, _), element in zip(fields, more, strict=True)}
    return msgspec.defstruct(
        name, [*typed.items(), *fields], bases=(base,), rename=rename, kw_only=True, forbid_unknown_fields=True
    )
