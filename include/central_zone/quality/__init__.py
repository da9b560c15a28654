"""Quality: what validation found, kept by parcel and rule, and what can be asked of it. Counts of rows, never a value."""
