"""The roles of the store, as PostgreSQL has them. Who each is and what it may do stands in policy/store_rights.toml."""

OWNER = "gp_owner"
LOADER = "gp_loader"
ERASER = "gp_eraser"
STEWARD = "gp_steward"
PUBLISHER = "gp_publisher"
RELEASER = "gp_releaser"
ANALYST = "gp_analyst"
AUDITOR = "gp_auditor"
CUSTODIAN = "gp_custodian"
ROLES = (OWNER, LOADER, ERASER, STEWARD, PUBLISHER, RELEASER, ANALYST, AUDITOR, CUSTODIAN)
