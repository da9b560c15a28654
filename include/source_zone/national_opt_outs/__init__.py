"""The National Data Opt-out, asked about where NHS numbers are: MESH's "Check for National Data Opt-outs" service."""
