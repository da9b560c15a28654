"""Security labels: which entries a supplier marks as not to be shared."""

from source_zone.adapters.gp_connect.elements import Element, a_dict, dicts
from source_zone.adapters.gp_connect.policy import FieldPolicy

_NOTHING: Element = {}


def is_restricted(resource: Element, policy: FieldPolicy) -> bool:
    """Whether a security label keeps it from being shared. A label that cannot be read is one."""
    meta = resource.get("meta", _NOTHING)
    if not isinstance(meta, dict):
        return True
    if "security" not in meta and "securityLabel" not in resource:
        return False
    return any(
        code not in policy.harmless_labels
        for labels in (meta.get("security"), resource.get("securityLabel"))
        for code in _label_codes(labels)
    )


def _label_codes(labels: object) -> list[str]:
    """The codes of security labels, plain codings or concepts of several; "None" for one that has no code."""
    if labels is None:
        return []
    found = labels if isinstance(labels, list) else [labels]
    return [str(coding.get("code")) for each in found for coding in dicts(a_dict(each).get("coding")) or [a_dict(each)]]
