"""What policy/fields/fhir_r4.toml says, as a frozen type that answers: read, left at the source, or never heard of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from crossing.canonical import TABLES, Kind, column_names
from crossing.errors import PersonMustAct
from crossing.policy import Policy, PolicyRefused
from source_zone.adapters.fhir_r4.export import Place
from source_zone.adapters.fhir_r4.shapes import FILE, Shapes, check_line

CONSENT_LIST = "codelists/type_one_opt_out.csv"
_CLOSED_COLUMNS = sorted({column for table in TABLES for column in column_names(table, Kind.CLOSED)})
_PLAUSIBLE = re.compile(r"[a-z][A-Za-z]{1,40}")  # how FHIR spells its elements, and nobody spells a name
_PLAUSIBLE_KIND = re.compile(r"([A-Z][a-z]+){1,5}")
_PLAUSIBLE_EXTENSION = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
_UNKNOWN = "Object contains unknown field"
_UNKNOWN_FIELD = re.compile(_UNKNOWN + r" `(?P<name>[^`]*)`( - at `\$\.?(?P<where>[^`]*)`)?")
_REMEDY = "Ask the supplier what it is; have it reviewed, and add its line."


class NotInPolicy(PersonMustAct):
    """An export holds something that no reviewer has decided about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """Which resource types, elements and extensions are known, and how their codes and words read in ours."""

    decoders: Mapping[str, msgspec.json.Decoder[Any]] = field(repr=False)
    concept: type = field(repr=False)  # of a CodeableConcept, for what is read out of a contained resource
    left: frozenset[str]
    extensions: Mapping[str, bool]  # last part of the address -> whether it is read
    public_sites: tuple[str, ...]  # where addresses of the standards' extensions begin
    code_systems: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(repr=False)  # column -> lower-case word -> ours
    code: re.Pattern[str]
    id: re.Pattern[str]
    nhs_number_system: str
    ods_code_system: str
    harmless_labels: frozenset[str]
    test_labels: frozenset[str]
    live_statuses: Mapping[str, frozenset[str]]
    final_statuses: Mapping[str, frozenset[str]]
    referral_categories: frozenset[str]
    dissent_codes: frozenset[str]
    withdrawal_codes: frozenset[str]

    def word(self, column: str, *values: object) -> str | None:
        """Our word, by the first way of saying it that we know; one we do not know comes back in lower case, for

        minimisation to count.
        """
        words = self.words[column]
        last = None
        for value in values:
            if isinstance(value, str) and value.strip():
                last = value.strip()
                known = words.get(last) or words.get(last.lower())
                if known:
                    return known
        return None if last is None else last.lower() if last.isascii() and len(last) <= 40 else "other"


def refuse_kind(kind: str, place: Place | str) -> NoReturn:
    """A resource type that policy does not have. The standard's names are public words; any other can be data."""
    what = (
        f"resource type {kind}"
        if _PLAUSIBLE_KIND.fullmatch(kind)
        else "a resource type that cannot be one of the standard's"
    )
    raise NotInPolicy(f"{place}: {what} is not in policy/{FILE}. {_REMEDY}") from None


def refuse_element(kind: str, error: msgspec.ValidationError, place: Place) -> None:
    """Raises NotInPolicy where the decoder met an element that has no line; returns where it met another shape."""
    if not str(error).startswith(_UNKNOWN):
        return
    matched = _UNKNOWN_FIELD.fullmatch(str(error))  # not of a name with a backtick or a line's end in it
    name = matched["name"].removeprefix("_") if matched else ""
    inside = re.sub(r"\[[^\]]*\]", "", matched["where"] or "") if matched else ""
    where = f"{kind}.{inside}" if inside else kind
    what = f"{where}.{name}" if _PLAUSIBLE.fullmatch(name) else f"an element of {where} whose name cannot be printed"
    raise NotInPolicy(f"{place}: {what} is not in policy/{FILE}. {_REMEDY}") from None


def refuse_modifier(kind: str, place: Place) -> NoReturn:
    rule = "a modifierExtension can turn an entry into its opposite, and policy knows none"
    raise NotInPolicy(f"{place}: {kind}.modifierExtension: {rule}. {_REMEDY}")


def refuse_extension(inside: str, url: object, place: Place, policy: FieldPolicy) -> NoReturn:
    """An address is a value, so only the last part of one that is a standard's is printed."""
    name = url.rpartition("/")[2] if isinstance(url, str) and url.startswith(policy.public_sites) else ""
    what = f"the extension {name}" if _PLAUSIBLE_EXTENSION.fullmatch(name) else "an extension that cannot be named here"
    raise NotInPolicy(f"{place}: {what}, of {inside}, is not in policy/{FILE}. {_REMEDY}") from None


def read_field_policy(policy: Policy) -> FieldPolicy:
    """Raises PolicyRefused where the file lacks a part, or a line lacks its reason."""
    content = policy.table(FILE)
    try:
        return _from_content(content, policy)
    except (KeyError, TypeError, AttributeError, ValueError, re.error):
        rule = "a part is missing or has another shape"
        raise PolicyRefused(f"policy/{FILE}: {rule}. Restore the reviewed version.") from None


def _from_content(content: dict[str, Any], policy: Policy) -> FieldPolicy:
    shapes = Shapes(content)
    return FieldPolicy(
        decoders={
            kind: msgspec.json.Decoder(shapes.resource(kind, part)) for kind, part in content["resources"].items()
        },
        concept=shapes.datatype("CodeableConcept"),
        left=frozenset(kind for kind, why in content["left_at_source"].items() if len(why) > 4),
        extensions=_extensions(content["extensions"]),
        public_sites=tuple(content["extensions"]["public_sites"]),
        code_systems={**content["code_systems"], **dict.fromkeys(content["foreign_code_systems"], "foreign")},
        words={column: _words(column, content["words"].get(column, {}), policy) for column in _CLOSED_COLUMNS},
        code=re.compile(content["code_pattern"]),
        id=re.compile(content["id_pattern"]),
        nhs_number_system=content["nhs_number_system"],
        ods_code_system=content["ods_code_system"],
        harmless_labels=frozenset(content["harmless_security_labels"]),
        test_labels=frozenset(content["test_data_labels"]),
        live_statuses={kind: frozenset(each) for kind, each in content["live_statuses"].items()},
        final_statuses={kind: frozenset(each) for kind, each in content["final_statuses"].items()},
        referral_categories=frozenset(content["resources"]["ServiceRequest"]["referral_categories"]),
        dissent_codes=_consent_codes(policy, "dissent"),
        withdrawal_codes=_consent_codes(policy, "withdrawal"),
    )


def _extensions(part: dict[str, Any]) -> dict[str, bool]:
    for name, line in part["read"].items():
        check_line(f"extensions.{name}", line)
    dropped = {name: False for why, names in part["dropped"].items() if why for name in names}
    return {**dropped, **dict.fromkeys(part["read"], True)}


def _consent_codes(policy: Policy, meaning: str) -> frozenset[str]:
    return frozenset(row["code"] for row in policy.rows(CONSENT_LIST) if row["meaning"] == meaning)


def _words(column: str, ours: dict[str, str], policy: Policy) -> dict[str, str]:
    vocabulary = policy.vocabulary(column)
    return {**{word.lower(): word for word in sorted(vocabulary)}, **{word: word for word in vocabulary}, **ours}
