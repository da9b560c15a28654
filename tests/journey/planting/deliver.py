"""The deliveries of the night with canaries: for each format practices that must reach the store, and some that must be stopped."""

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from journey.planting import deliver_fhir, deliver_gp_connect, deliver_gpdpr_xml
from journey.planting.canaries import Canaries
from journey.planting.deliver_tables import TablePolicy, plant_emis, plant_medicus, plant_tpp
from journey.planting.tables import Planter
from simulator.simulate import simulate

FIRST_PRACTICE = 21
_TABLES = {"emis_csv": plant_emis, "tpp_csv": plant_tpp, "medicus_csv": plant_medicus}
_SUPPLIERS = {
    "emis_csv": "EMIS", "tpp_csv": "TPP", "medicus_csv": "Medicus", "gpdpr_xml": "Cegedim", "fhir_r4": "A FHIR server",
    "gp_connect": "GP Connect",
}  # fmt: skip
_NAMED = ("emis_csv", "fhir_r4", "gp_connect")  # how a file is named is looked at in these three ways
_GPDPR_TABLES = (
    "allergy",
    "encounter",
    "immunisation",
    "medication",
    "observation",
    "problem",
    "problem_link",
    "recall",
    "referral",
)
# Fields in which any other word rightly stops the whole practice, so that they are planted in a practice of their own. One that
# is missing here shows as a practice that did not reach the store.
STOPPING: dict[str, frozenset[str]] = {
    "emis_csv": frozenset({
        "Admin_Patient.OrganisationGuid", "Agreements_SharingOrganisation.Deleted", "Agreements_SharingOrganisation.Disabled",
        "Agreements_SharingOrganisation.IsActivated", "Agreements_SharingOrganisation.LastModifiedDate",
        "Agreements_SharingOrganisation.OrganisationGuid",
    }),
    "tpp_csv": frozenset(f"SRManifest.{name}" for name in (
        "DateExtractFrom", "DateExtractTo", "FileName", "IsDelta", "IsReference")),
    "medicus_csv": frozenset(),
    "gpdpr_xml": frozenset({"practice-extract.provider_id", *(f"{table}.registration_id" for table in _GPDPR_TABLES)}),
    "fhir_r4": frozenset({"every_resource.resourceType"}),
    "gp_connect": frozenset({"bundle.entry", "bundle.resourceType", "every_resource.contained", "every_resource.resourceType"}),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedPractice:
    """One practice of the night. `edition` is the version of its supplier's headers; `is_named` has canaries in file names."""

    code: str
    format: str
    edition: int = 0
    is_stopped: bool = False
    is_named: bool = False

    @property
    def connection(self) -> str:
        return f"canaries/{self.code}"

    @property
    def row(self) -> str:
        return f"{self.code},{_SUPPLIERS[self.format]},{self.format},directory,{self.connection},2026-09-01,,yes"


def practices() -> list[PlantedPractice]:
    kinds: list[dict[str, object]] = []
    for format, stopping in STOPPING.items():
        editions = TablePolicy.read(format).editions if format in _TABLES else 1
        kinds += [{"format": format, "edition": edition} for edition in range(editions)]
        kinds += [{"format": format, "is_stopped": True}] if stopping else []
        kinds += [{"format": format, "is_stopped": True, "is_named": True}] if format in _NAMED else []
    return [PlantedPractice(code=f"Y99{FIRST_PRACTICE + number:03d}", **kind) for number, kind in enumerate(kinds)]  # type: ignore[arg-type]


def listed_places(format: str) -> set[str]:
    """Every field that policy lists for a format."""
    if format in _TABLES:
        return TablePolicy.read(format).places
    if format == "fhir_r4":
        return deliver_fhir.FhirPolicy.read().places
    module = deliver_gp_connect if format == "gp_connect" else deliver_gpdpr_xml
    return module.places(module.read_policy())


def deliver(planted: Iterable[PlantedPractice], incoming: Path, canaries: Canaries) -> None:
    """Writes every practice's delivery with its canaries below `incoming`."""
    sound: dict[str, Path] = {}  # of each format a delivery as it came, for those that are named oddly
    for practice in planted:
        folder = incoming / practice.connection
        if practice.is_named:
            shutil.copytree(sound[practice.format], folder)
            _name_files(practice, folder, canaries)
            continue
        _simulate(practice, incoming / "canaries")
        if practice.format not in sound:
            sound[practice.format] = shutil.copytree(folder, incoming.parent / "sound" / practice.format)
        (extract,) = _extracts(practice, folder)
        _note(practice.format, canaries, extract)
        left_out = frozenset[str]() if practice.is_stopped else STOPPING[practice.format]
        _plant(practice, extract, canaries, left_out, STOPPING[practice.format] if practice.is_stopped else ())
    shutil.rmtree(incoming.parent / "sound")


def _simulate(practice: PlantedPractice, out: Path) -> None:
    number = int(practice.code[-3:])
    for night in (
        (1, 2) if practice.format == "medicus_csv" else (1,)
    ):  # Medicus has a column more in its later extracts
        simulate(
            out, format=practice.format, first_practice=number, practices=1, patients=12 if practice.is_stopped else 30,
            entries_per_patient=40, seed=number, night=night,
        )  # fmt: skip


def _extracts(practice: PlantedPractice, folder: Path) -> Iterator[Path]:
    if practice.format in ("emis_csv", "gpdpr_xml"):
        yield folder
    elif practice.format == "medicus_csv":
        yield max(folder.glob("*.zip"))
    else:
        yield next(path for path in folder.iterdir() if path.is_dir())


def _note(format: str, canaries: Canaries, extract: Path) -> None:
    if format == "fhir_r4":
        deliver_fhir.note_identities(canaries, deliver_fhir.Export.read(extract))
    elif format == "gp_connect":
        deliver_gp_connect.note_identities(canaries, extract)
    elif format == "gpdpr_xml":
        deliver_gpdpr_xml.note_identities(canaries, extract)


def _plant(
    practice: PlantedPractice, extract: Path, canaries: Canaries, left_out: Collection[str], only: Collection[str]
) -> None:
    if practice.format in _TABLES:
        policy = TablePolicy.read(practice.format)
        planter = Planter(canaries, practice.format, policy.fields, left_out, only)
        _TABLES[practice.format](extract, policy, planter, practice.edition)
    elif practice.format == "fhir_r4":
        deliver_fhir.FhirPlanter(canaries, deliver_fhir.Export.read(extract), left_out, only).plant()
    else:
        planters: dict[str, Callable[..., deliver_gp_connect.GPConnectPlanter | deliver_gpdpr_xml.GpdprPlanter]]
        planters = {"gp_connect": deliver_gp_connect.GPConnectPlanter, "gpdpr_xml": deliver_gpdpr_xml.GpdprPlanter}
        planters[practice.format](canaries, extract, left_out, only).plant()


def _name_files(practice: PlantedPractice, folder: Path, canaries: Canaries) -> None:
    """A file too many, beside the delivery and in it, named as a careless person names one."""
    (extract,) = _extracts(practice, folder)
    inside = extract if extract.is_dir() else folder
    like = max(path for path in inside.iterdir() if path.is_file())
    for number, place in enumerate({folder, inside}):
        name = canaries.word(practice.format, f"file name {number}")
        nhs_number = canaries.person(practice.format, f"file name {number}")
        (place / f"{name} {nhs_number}{like.suffix}").write_bytes(like.read_bytes())
        stem, _, ending = like.name.rpartition("_")
        (place / f"{stem}_{nhs_number}_{ending}").write_bytes(like.read_bytes())
