"""Where a zone's keys are, and that they are nowhere else: what `gp-source doctor` and `gp-central doctor` look at."""
