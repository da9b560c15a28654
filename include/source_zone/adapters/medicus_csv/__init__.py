"""Medicus bulk extract. `adapter` reads a zip of CSV files by the column map in policy."""
