"""The files of Medicus's zip and their columns in order: the query we asked for. Which of EMIS's each is made of."""

CHANGE_TYPE = "change_type"

# file: EMIS's file | columns in order, each with the column of EMIS's it repeats; those without one are made
_LAYOUT = """
organisation: Admin_Organisation | uid=OrganisationGuid ods_code=ODSCode name=OrganisationName
  organisation_type=OrganisationType open_date=OpenDate close_date=CloseDate
staff: Admin_UserInRole | uid=UserInRoleGuid name=Surname job_category_code=JobCategoryCode
patient: Admin_Patient | uid=PatientGuid nhs_number=NhsNumber given_name=GivenName family_name=Surname sex=Sex
  date_of_birth=DateOfBirth date_of_death=DateOfDeath address=NumberAndStreet postcode=Postcode telephone=MobilePhone
  email=EmailAddress registered_date=DateOfRegistration registration_end_date=DateOfDeactivation
  registration_type=PatientTypeDescription is_test_patient is_confidential
encounter: CareRecord_Consultation | uid=ConsultationGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at staff_uid=ClinicianUserInRoleGuid snomed_concept_id snomed_description_id
  original_code original_code_system other_codes term appointment_uid=AppointmentSlotGuid is_complete=Complete
  is_confidential
coded_entry: CareRecord_Observation | uid=ObservationGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at staff_uid=ClinicianUserInRoleGuid encounter_uid=ConsultationGuid
  snomed_concept_id snomed_description_id original_code original_code_system other_codes term text
  entry_type=ObservationType value=Value value_unit=NumericUnit range_low=NumericRangeLow range_high=NumericRangeHigh
  parent_uid=ParentObservationGuid problem_uid=ProblemGuid is_confidential
immunisation: CareRecord_Observation | uid=ObservationGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at staff_uid=ClinicianUserInRoleGuid encounter_uid=ConsultationGuid
  snomed_concept_id snomed_description_id original_code original_code_system other_codes term text
  problem_uid=ProblemGuid is_confidential
allergy: CareRecord_Observation | uid=ObservationGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at staff_uid=ClinicianUserInRoleGuid encounter_uid=ConsultationGuid
  snomed_concept_id snomed_description_id original_code original_code_system other_codes term text
  problem_uid=ProblemGuid is_confidential
problem: CareRecord_Problem | uid=ObservationGuid patient_uid=PatientGuid
  parent_problem_uid=ParentProblemObservationGuid significance=SignificanceDescription status=ProblemStatusDescription
  end_date=EndDate end_date_precision=EndDatePrecision last_review_date=LastReviewDate comment=Comment
referral: CareRecord_ObservationReferral | uid=ObservationGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at snomed_concept_id snomed_description_id original_code original_code_system
  other_codes term urgency=ReferralUrgency service_type=ReferralServiceType mode=ReferralMode
  source_organisation_uid=ReferralSourceOrganisationGuid target_organisation_uid=ReferralTargetOrganisationGuid
  end_date=ReferralEndDate booking_reference=ReferralUBRN
recall: CareRecord_Diary | uid=DiaryGuid patient_uid=PatientGuid effective_date effective_date_precision recorded_at
  staff_uid=ClinicianUserInRoleGuid encounter_uid=ConsultationGuid snomed_concept_id snomed_description_id original_code
  original_code_system other_codes term text is_active=IsActive is_complete=IsComplete is_confidential
medication: Prescribing_DrugRecord | uid=DrugRecordGuid patient_uid=PatientGuid effective_date effective_date_precision
  recorded_at staff_uid=ClinicianUserInRoleGuid dmd_code original_code original_code_system quantity=Quantity
  quantity_unit dosage=Dosage problem_uid=ProblemObservationGuid prescription_type=PrescriptionType is_active=IsActive
  stop_date=CancellationDate issues_made=NumberOfIssues issues_authorised=NumberOfIssuesAuthorised is_confidential
medication_issue: Prescribing_IssueRecord | uid=IssueRecordGuid patient_uid=PatientGuid effective_date
  effective_date_precision recorded_at staff_uid=ClinicianUserInRoleGuid dmd_code original_code original_code_system
  quantity=Quantity quantity_unit dosage=Dosage problem_uid=ProblemObservationGuid medication_uid=DrugRecordGuid
  course_days=CourseDurationInDays is_confidential
appointment: Appointment_Slot | uid=SlotGuid patient_uid=PatientGuid effective_date effective_date_precision
  did_not_attend=DidNotAttend planned_minutes=PlannedDurationInMinutes actual_minutes=ActualDurationInMinutes
  session_name=SessionName
"""


def _parsed() -> dict[str, tuple[str, dict[str, str]]]:
    """File -> the file of EMIS's, and its columns, each with EMIS's."""
    blocks = _LAYOUT.replace("\n  ", " ").strip().splitlines()
    split = [(name, *rest.split("|")) for name, rest in (block.split(": ", 1) for block in blocks)]
    return {
        name: (file.strip(), {column: emis for column, _, emis in (each.partition("=") for each in columns.split())})
        for name, file, columns in split
    }


MADE_OF = {name: file for name, (file, _) in _parsed().items()}
SAME_AS_EMIS = {name: columns for name, (_, columns) in _parsed().items()}
COLUMNS = {name: tuple(columns) for name, columns in SAME_AS_EMIS.items()}
# EMIS keeps these in one file; the table of a row says which it is.
OF_OBSERVATIONS = {"coded_entry": "observation", "immunisation": "immunisation", "allergy": "allergy"}
