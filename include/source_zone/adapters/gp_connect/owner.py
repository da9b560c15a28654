"""Whether an entry surely is of the patient whose record it lies in."""

from source_zone.adapters.gp_connect.elements import Element, a_dict, a_text, dicts, reference
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.adapters.gp_connect.registration import valid_nhs_number
from source_zone.identifier import nhs_number_in


class Owner:
    """The patient of one record. Asked only of that record's own elements, which all live as long as it does."""

    def __init__(self, patient: Element, policy: FieldPolicy) -> None:
        self._policy = policy
        self._own = reference({"reference": f"Patient/{patient.get('id')}"}, policy)
        self._nhs_number = valid_nhs_number(patient)
        self._named: dict[int, bool] = {}  # an element's place in memory -> whether it names the patient

    def owns(self, resource: Element) -> bool:
        """Not where it names another patient, or none that can be read."""
        subjects = [resource[key] for key in ("subject", "patient") if resource.get(key) is not None]
        if "participant" in resource:
            actors = (each.get("actor") for each in dicts(resource["participant"]))
            subjects += [actor for actor in actors if _is_patient(actor)]
        return all(map(self._is_named_by, subjects))

    def _is_named_by(self, subject: object) -> bool:
        known = self._named.get(id(subject))
        if known is None:
            known = self._named[id(subject)] = self._names(a_dict(subject))
        return known

    def _names(self, said: Element) -> bool:
        if "reference" in said:
            return self._own is not None and (
                said["reference"] == self._own or reference(said, self._policy) == self._own
            )
        identifier = a_dict(said.get("identifier"))
        number = nhs_number_in(a_text(identifier.get("value")))
        return number is not None and number == self._nhs_number


def _is_patient(actor: object) -> bool:
    return (a_text(a_dict(actor).get("reference")) or "").rpartition("/")[0].endswith("Patient")
