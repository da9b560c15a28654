"""TPP SystmOne's Strategic Reporting Extract. `adapter` reads a folder or zip of SR*.csv; see docs/formats.md."""
