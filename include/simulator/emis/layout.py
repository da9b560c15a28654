"""The files of EMIS's bulk CSV, version 5.4, and their columns in order."""

import re

import pyarrow as pa

from simulator.calendar import extract_id
from simulator.facts import Rows

_LAYOUT = """
Agreements_SharingOrganisation: OrganisationGuid IsActivated LastModifiedDate Disabled Deleted
Admin_Organisation: OrganisationGuid CDB OrganisationName ODSCode ParentOrganisationGuid CCGOrganisationGuid
  OrganisationType OpenDate CloseDate MainLocationGuid ProcessingId
Admin_UserInRole: UserInRoleGuid OrganisationGuid Title GivenName Surname JobCategoryCode JobCategoryName
  ContractStartDate ContractEndDate ProcessingId
Admin_Patient: PatientGuid OrganisationGuid UsualGpUserInRoleGuid Sex DateOfBirth DateOfDeath Title GivenName MiddleNames
  Surname DateOfRegistration NhsNumber PatientNumber PatientTypeDescription DummyType HouseNameFlatNumber
  NumberAndStreet Village Town County Postcode ResidentialInstituteCode NHSNumberStatus CarerName CarerRelation
  PersonGuid DateOfDeactivation Deleted SpineSensitive IsConfidential EmailAddress HomePhone MobilePhone
  ExternalUsualGPGuid ExternalUsualGP ExternalUsualGPOrganisation ProcessingId
Coding_ClinicalCode: CodeId Term ReadTermId SnomedCTConceptId SnomedCTDescriptionId NationalCode NationalCodeCategory
  NationalDescription EmisCodeCategoryDescription ProcessingId ParentCodeId
Coding_DrugCode: CodeId Term DmdProductCodeId ProcessingId
Appointment_Session: AppointmentSessionGuid Description LocationGuid SessionTypeDescription SessionCategoryDisplayName
  StartDate StartTime EndDate EndTime Private OrganisationGuid Deleted ProcessingId
Appointment_SessionUser: SessionGuid UserInRoleGuid Deleted ProcessingId
Appointment_Slot: SlotGuid AppointmentDate AppointmentStartTime PlannedDurationInMinutes PatientGuid SendInTime LeftTime
  DidNotAttend PatientWaitInMin AppointmentDelayInMin ActualDurationInMinutes OrganisationGuid SessionGuid
  DnaReasonCodeId Deleted ProcessingId
CareRecord_Consultation: ConsultationGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate
  EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid AppointmentSlotGuid ConsultationSourceTerm
  ConsultationSourceCodeId Complete Deleted IsConfidential ProcessingId
CareRecord_Observation: ObservationGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate
  EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid ParentObservationGuid CodeId ProblemGuid AssociatedText
  ConsultationGuid Value NumericUnit ObservationType NumericRangeLow NumericRangeHigh DocumentGuid Deleted
  IsConfidential ProcessingId
CareRecord_Problem: ObservationGuid PatientGuid OrganisationGuid ParentProblemObservationGuid Deleted Comment EndDate
  EndDatePrecision ExpectedDuration LastReviewDate LastReviewDatePrecision LastReviewUserInRoleGuid
  ParentProblemRelationship ProblemStatusDescription SignificanceDescription ProcessingId
CareRecord_ObservationReferral: ObservationGuid PatientGuid OrganisationGuid ReferralTargetOrganisationGuid
  ReferralUrgency ReferralServiceType ReferralMode ReferralReceivedDate ReferralReceivedTime ReferralEndDate
  ReferralSourceId ReferralSourceOrganisationGuid ReferralUBRN ReferralReasonCodeId
  ReferringCareProfessionalStaffGroupCodeId ReferralEpisodeRTTMeasurementTypeId ReferralEpisodeClosureDate
  ReferralEpisodeDischargeLetterIssuedDate ReferralClosureReasonCodeId ProcessingId
CareRecord_Diary: DiaryGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate EnteredTime
  ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId OriginalTerm AssociatedText DurationTerm
  LocationTypeDescription Deleted IsConfidential IsActive IsComplete ConsultationGuid ProcessingId
Prescribing_DrugRecord: DrugRecordGuid PatientGuid OrganisationGuid EffectiveDate EffectiveDatePrecision EnteredDate
  EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId Dosage Quantity QuantityUnit
  ProblemObservationGuid PrescriptionType IsActive CancellationDate NumberOfIssues NumberOfIssuesAuthorised
  IsConfidential Deleted ProcessingId
Prescribing_IssueRecord: IssueRecordGuid PatientGuid OrganisationGuid DrugRecordGuid EffectiveDate EffectiveDatePrecision
  EnteredDate EnteredTime ClinicianUserInRoleGuid EnteredByUserInRoleGuid CodeId Dosage Quantity QuantityUnit
  ProblemObservationGuid CourseDurationInDays EstimatedNhsCost IsConfidential Deleted ProcessingId
"""


def _parsed(text: str) -> dict[str, tuple[str, ...]]:
    blocks = re.split(r"\n(?=\S)", text.strip())
    return {name: tuple(columns.split()) for name, columns in (block.split(":", 1) for block in blocks)}


COLUMNS = _parsed(_LAYOUT)
FILES = tuple(COLUMNS)
OBSERVATION = "CareRecord_Observation"
PROCESSING_ID = "ProcessingId"


def file_name(file: str, night: int, sharing_agreement: str) -> str:
    """EMIS counts its extracts; the GUID at the end is that of the sharing agreement."""
    return f"{290 + night}_{file}_{extract_id(night)}_{sharing_agreement.strip('{}')}.csv"


def in_order(rows: Rows, night: int) -> pa.RecordBatch:
    """The rows with every column of the file, in its order; empty where the row says nothing."""
    length = len(rows)
    blank = pa.repeat(pa.scalar(""), length)
    processing = pa.repeat(pa.scalar(str(810_000 + night)), length)
    columns = {PROCESSING_ID: processing, **rows.columns}
    names = COLUMNS[rows.file]
    return pa.RecordBatch.from_arrays([columns.get(name, blank) for name in names], names=list(names))
