"""Which adapter reads a practice's format. The one place that knows them all."""

from crossing.errors import PersonMustAct
from crossing.policy import Policy, Practice
from source_zone.adapters.emis_csv.adapter import EmisCsv
from source_zone.adapters.fhir_r4.adapter import FhirR4
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.adapters.medicus_csv.adapter import MedicusCsv
from source_zone.adapters.tpp_csv.adapter import TppCsv
from source_zone.identified import Adapter
from source_zone.memory import OWN_TABLES, Memory

FORMATS = ("emis_csv", "fhir_r4", "gp_connect", "gpdpr_xml", "medicus_csv", "tpp_csv")


class FormatUnknown(PersonMustAct):
    """Nobody has written an adapter for this format."""


def choose_adapter(practice: Practice, policy: Policy, memory: Memory, token_key_name: str) -> Adapter:
    """`token_key_name` is the run's: tokens a supplier made itself must be of it. Raises FormatUnknown, naming those there are."""
    remembered = {name: table for name, table in memory.tables.items() if name not in OWN_TABLES}
    if practice.format == "emis_csv":
        return EmisCsv(practice.practice_code, policy, remembered)
    if practice.format == "fhir_r4":
        return FhirR4(practice.practice_code, policy, remembered)
    if practice.format == "gp_connect":
        return GPConnect(practice.practice_code, policy, remembered)
    if practice.format == "gpdpr_xml":
        return GpdprXml(practice.practice_code, policy, token_key_name, remembered)
    if practice.format == "medicus_csv":
        return MedicusCsv(practice.practice_code, policy, remembered)
    if practice.format == "tpp_csv":
        return TppCsv(practice.practice_code, policy, remembered)
    raise FormatUnknown(
        f"{practice.practice_code}: no adapter for its format. Use one of {', '.join(FORMATS)} in policy/practices.csv."
    )
