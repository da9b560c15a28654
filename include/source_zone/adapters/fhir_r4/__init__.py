"""UK Core FHIR R4 as Bulk Data delivers it. `adapter` reads an export; policy is the decoder."""
