"""The tables of TPP's Strategic Reporting Extract that the simulator writes, in their latest layout, columns in order."""

import re

_LAYOUT = """
SRCtv3: RowIdentifier IDOrganisationVisibleTo Ctv3Code Ctv3Text RemovedData
SRCtv3ToSnomed: RowIdentifier IDOrganisationVisibleTo Ctv3Code SnomedCode RemovedData
SRCtv3ToVersion2: RowIdentifier Ctv3Code Version2Code RemovedData
SRMapping: RowIdentifier IdMappingGroup Mapping
SRConfiguredListOption: RowIdentifier ConfiguredList ConfiguredListOption CDSCode MHLDDSCode CAMHSCode MHSDSCode
  RemovedData
SRMedicationReadCodeDetails: RowIdentifier IDMultiLexProduct DrugReadCode DrugReadCodeDesc RemovedData
SROrganisation: RowIdentifier Name ID HouseName HouseNumber NameOfRoad NameOfLocality NameOfTown NameOfCounty
  FullPostCode Telephone SecondaryTelephone Fax MadeObsolete IDTrust IDCcg RemovedData
SRStaffMemberProfile: RowIdentifier DateProfileCreated IdProfileCreatedBy IDStaffMemberProfileRole StaffRole
  DateEmploymentStart DateEmploymentEnd PPAID GPLocalCode IDStaffMember IDOrganisation GmpID RemovedData
SRStaffMemberProfileRole: RowIdentifier RoleDescription IsSpineRole DateLastAmended DateDeleted RemovedData
SRPatient: RowIdentifier IDOrganisationVisibleTo Title FirstName MiddleNames Surname PreviousSurname NHSNumber
  DateBirth DateDeath BirthPlace Gender SpeaksEnglish EmailAddress TestPatient SSRef SpineMatched RemovedData
SRPatientRegistration: RowIdentifier IDOrganisationVisibleTo DateEventRecorded IDProfileEnteredBy DateRegistration
  DateDeRegistration RegistrationStatus PreferredPharmacy IDPatient IDOrganisation IDOrganisationRegisteredAt
  RemovedData
SRPatientAddressHistory: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt NameOfBuilding NumberOfBuilding NameOfRoad NameOfLocality NameOfTown
  NameOfCounty FullPostCode DateTo AddressType IDEvent IDPatient IDOrganisation CcgOfResidence RemovedData
SREvent: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  IDStaffMemberProfileRole TextualEventDoneBy IDOrganisationDoneAt IDAuthorisedBy IDProfileAuthorisedBy
  ContactEventLocation ContactMethod EventIncomplete ClinicalEvent IDReferralIn IDPatient IDOrganisation IDTeam
  IDBranch IDOrganisationRegisteredAt RemovedData
SRCode: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt CTV3Code CTV3Text SNOMEDCode SNOMEDText NumericComparator IsNumeric
  NumericValue NumericUnit EpisodeType IDTemplate IDQuestionnaire IDEvent IDPatient IDReferralIn IDAppointment IDVisit
  IDOrganisation IDOrganisationRegisteredAt RemovedData
SRImmunisation: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt IDVaccination IDImmunisationContent Dose Location Method DateExpiry
  ImmsReadCode ImmsSNOMEDCode VaccPart VaccBatchNumber VaccAreaCode VaccinationStatus IDEvent IDPatient IDOrganisation
  IDOrganisationRegisteredAt RemovedData
SRDrugSensitivity: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt DateStarted DateEnded FormulationSpecific IDDrugCode IDMultiLexAction
  IDReferralIn IDEvent IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
SRProblem: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt CTV3Code DateEnd Severity IDCode IDEvent IDPatient IDReferralIn
  IDOrganisation IDOrganisationRegisteredAt RemovedData
SRReferralOut: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt TypeOfReferral Reason IDProfileReferrer ServiceOffered ReReferral Urgency
  PrimaryDiagnosis SNOMEDPrimaryDiagnosis RecipientID RecipientIDType IDEvent IDPatient IDOrganisation
  M101140ReasonForOutOfAreaReferralAdultAcuteMentalHealth IDOrganisationRegisteredAt RemovedData
SRRecall: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt DateRecall RecallType RecallInitialStatus RecallStatus RecallStatusDate
  IDReferralIn IDEvent IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
SRRepeatTemplate: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt IDMultiLexProduct IDMultiLexPack IDMultiLexDMD NameOfMedication
  DateMedicationTemplateStart DateMedicationTemplateEnd DateMedicationTemplateReview MedicationDosage
  MedicationQuantity MaxIssues CourseLengthPerIssue DrugStatus IDReferralIn IDEvent IDPatient IDOrganisation
  IDOrganisationRegisteredAt RemovedData
SRPrimaryCareMedication: RowIdentifier IDOrganisationVisibleTo DateEventRecorded DateEvent IDProfileEnteredBy IDDoneBy
  TextualEventDoneBy IDOrganisationDoneAt IDMultiLexProduct IDMultiLexPack IDMultiLexDMD NameOfMedication
  DateMedicationStart DateMedicationEnd MedicationDosage MedicationQuantity IsSupervised SupervisedDose
  UnsupervisedDose IsRepeatMedication IsOtherMedication IsDentalMedication IsHospitalMedication IDRepeatTemplate
  IDReferralIn IDEvent IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
SRAppointment: RowIdentifier IDOrganisationVisibleTo DateStart DateEnd AppointmentStatus DateAppointmentBooked
  DatePatientArrival DatePatientSeen FollowUpAppointment TelephoneAppointment IDClinician IDProfileClinician RotaName
  RotaType RotaLocation RotaCode IDRotaOwner IDProfileRotaOwner AllowsOverbooking BookingContactNumber
  DateAppointmentCancelled IDRota IDReferralIn IDPatient IDOrganisation IDOrganisationRegisteredAt RemovedData
"""


def _parsed(text: str) -> dict[str, tuple[str, ...]]:
    blocks = re.split(r"\n(?=\S)", text.strip())
    return {name: tuple(columns.split()) for name, columns in (block.split(":", 1) for block in blocks)}


COLUMNS = _parsed(_LAYOUT)
TABLES = tuple(COLUMNS)
MAPPING = "SRMapping"  # with SRManifest itself the only table that the manifest does not list
