"""EMIS's bulk CSV: its files, column for column, filled with synthetic rows."""
