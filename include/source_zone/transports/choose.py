"""Which transport brings a practice's deliveries. The one place that knows them all."""

from crossing.errors import PersonMustAct
from crossing.policy import Policy, Practice
from source_zone.settings import Settings
from source_zone.transports.bulk_fhir import BulkFhir
from source_zone.transports.directory import Directory, folder_of
from source_zone.transports.landing import Landing
from source_zone.transports.mesh import Mesh
from source_zone.transports.sftp import Sftp
from source_zone.transports.transport import Transport

TRANSPORTS = ("directory", "sftp", "mesh", "bulk_fhir")


class TransportUnknown(PersonMustAct):
    """Nobody has written this way in."""


def choose_transport(practice: Practice, collection: str, settings: Settings, policy: Policy) -> Transport:
    """Each collection lands its own copy, since each lets go when its own parcels have left.

    Raises TransportUnknown, naming the transports there are; FolderMissing, ConnectionRefused, KeyRefused.
    """
    if practice.transport == "directory":
        return Directory(folder_of(practice, settings.incoming))
    landing = Landing(settings.landing / collection / practice.practice_code).open()
    if practice.transport == "sftp":
        return Sftp.of(practice, landing, policy, settings.keys)
    if practice.transport == "bulk_fhir":
        return BulkFhir.of(practice, landing, policy, settings.keys)
    if practice.transport == "mesh":
        return Mesh.of(practice, collection, landing, policy, settings)
    raise TransportUnknown(
        f"{practice.practice_code}: no transport of that name. Use one of {', '.join(TRANSPORTS)} in policy/practices.csv."
    )
