-- The GDPPR layout over today's records. Written by central_zone/store/gdppr; a test holds the store's view against it, and
-- a change there is a new migration. A reader needs the rights on what it reads: the view gives none.

CREATE VIEW records.gdppr WITH (security_invoker = true, security_barrier = true) AS
SELECT
  patient.patient_token AS NHS_NUMBER_DEID,
  patient.practice_code AS PRACTICE,
  CASE patient.supplier_format WHEN 'emis_csv' THEN 'EMIS' WHEN 'tpp_csv' THEN 'TPP' WHEN 'medicus_csv' THEN 'Medicus' END AS GP_SYSTEM_SUPPLIER,
  patient.extract_date AS REPORTING_PERIOD_END_DATE,
  patient.loaded_at AS PROCESSED_TIMESTAMP,
  patient.year_of_birth::integer AS YEAR_OF_BIRTH,
  NULL::text AS YEAR_MONTH_OF_BIRTH,
  patient.year_of_death::integer AS YEAR_OF_DEATH,
  CASE patient.sex WHEN 'not_known' THEN '0' WHEN 'male' THEN '1' WHEN 'female' THEN '2' WHEN 'not_specified' THEN '9' WHEN 'other' THEN '9' END AS SEX,
  NULL::text AS ETHNIC,
  patient.lsoa_code AS LSOA,
  entry.code AS CODE,
  entry.date AS DATE,
  entry.record_date AS RECORD_DATE,
  NULL::text AS EPISODE_CONDITION,
  entry.episode_prescription AS EPISODE_PRESCRIPTION,
  entry.value1_condition AS VALUE1_CONDITION,
  entry.value2_condition AS VALUE2_CONDITION,
  entry.value1_prescription AS VALUE1_PRESCRIPTION,
  NULL::double precision AS VALUE2_PRESCRIPTION,
  NULL::integer[] AS LINKS,
  NULL::text AS ProductionDate,
  NULL::text AS BatchId,
  (NULL::text)::timestamp::date AS archived_on
FROM (
  SELECT patient.*, parcel.supplier_format, parcel.loaded_at,
    (parcel.extract_taken_at AT TIME ZONE 'Europe/London')::date AS extract_date
  FROM records.current_patient AS patient LEFT JOIN ledger.parcel ON parcel.parcel_number = patient.parcel_number
) AS patient
JOIN (
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_encounter AS entry
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, coalesce(entry.value, pressure.systolic) AS value1_condition, CASE WHEN entry.value IS NULL THEN pressure.diastolic END AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_observation AS entry
  LEFT JOIN (
    SELECT practice_code, registration_token, parent_token,
      max(value) FILTER (WHERE snomed_concept_id IN ('72313002', '271649006', '407556006', '400974009', '407554009', '716579001', '2181381000000109', '1162737008')) AS systolic,
      max(value) FILTER (WHERE snomed_concept_id IN ('1091811000000102', '271650006', '407557002', '400975005', '407555005', '716632005', '2181391000000106', '1162735000')) AS diastolic
    FROM records.current_observation AS beneath
    WHERE parent_token IS NOT NULL AND snomed_concept_id IN ('72313002', '271649006', '407556006', '400974009', '407554009', '716579001', '2181381000000109', '1162737008', '1091811000000102', '271650006', '407557002', '400975005', '407555005', '716632005', '2181391000000106', '1162735000')
    GROUP BY practice_code, registration_token, parent_token
  ) AS pressure ON pressure.practice_code = entry.practice_code AND pressure.registration_token = entry.registration_token AND pressure.parent_token = entry.record_token
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_immunisation AS entry
  WHERE (entry.status IN ('entered_in_error', 'not_done')) IS NOT TRUE
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_allergy AS entry
  WHERE (entry.status IN ('entered_in_error', 'not_done')) IS NOT TRUE
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, coalesce(entry.dmd_code, entry.snomed_concept_id) AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, CASE WHEN entry.intent = 'plan' THEN 'R' WHEN coalesce(entry.prescription_type, authorised.prescription_type) = 'acute' THEN 'A' ELSE 'I' END AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, entry.quantity AS value1_prescription
  FROM records.current_medication AS entry
  LEFT JOIN (
    SELECT practice_code, registration_token, record_token, max(prescription_type) AS prescription_type
    FROM records.current_medication AS plan WHERE intent = 'plan' GROUP BY practice_code, registration_token, record_token
  ) AS authorised ON authorised.practice_code = entry.practice_code AND authorised.registration_token = entry.registration_token AND authorised.record_token = entry.authorisation_token
  WHERE (entry.intent = 'plan' AND entry.prescription_type = 'acute') IS NOT TRUE
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_referral AS entry
  WHERE NOT EXISTS (SELECT FROM records.current_observation AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM records.current_immunisation AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM records.current_allergy AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
  UNION ALL
  SELECT entry.practice_code AS practice_code, entry.registration_token AS registration_token, entry.snomed_concept_id AS code, entry.effective_date AS date, entry.recorded_at::date AS record_date, NULL::text AS episode_prescription, NULL::double precision AS value1_condition, NULL::double precision AS value2_condition, NULL::double precision AS value1_prescription
  FROM records.current_problem AS entry
  WHERE (entry.status IN ('entered_in_error', 'not_done')) IS NOT TRUE
    AND NOT EXISTS (SELECT FROM records.current_observation AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM records.current_immunisation AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM records.current_allergy AS said WHERE said.practice_code = entry.practice_code AND said.registration_token = entry.registration_token AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)
) AS entry USING (practice_code, registration_token)
WHERE entry.code IS NOT NULL;
