"""Every metric there is: its name, what it means with its unit, and its labels. Nothing else is ever exported."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """`unit` stands at the end of the help text, in brackets."""

    name: str
    means: str
    unit: str
    labels: tuple[str, ...] = ("collection",)

    @property
    def help(self) -> str:
        return f"{self.means} ({self.unit})"


OPEN = Metric(
    "gp_collect_parcels_open",
    "Parcels that are neither loaded, compared nor refused, by state",
    "parcels",
    ("collection", "state"),
)
OLDEST = Metric(
    "gp_collect_parcels_oldest_open_seconds",
    "How long ago the parcel was received that waits longest, by state; 0 where none waits",
    "seconds",
    ("collection", "state"),
)
TAKING_PART = Metric("gp_collect_practices_taking_part", "Practices that take part today", "practices")
ARRIVED = Metric(
    "gp_collect_practices_arrived_in_a_day",
    "Practices taking part of which a parcel was received in the last 24 hours",
    "practices",
)
LOADED = Metric(
    "gp_collect_practices_loaded_in_a_day",
    "Practices taking part of which a parcel was loaded or compared in the last 24 hours",
    "practices",
)
COVERAGE = Metric(
    "gp_collect_practices_coverage_ratio",
    "Practices loaded in the last 24 hours, of those that take part",
    "ratio, 0 to 1",
)
FAILED = Metric(
    "gp_collect_practices_failed",
    "Practices taking part whose newest parcel is held or refused",
    "practices",
)
DIFFERING = Metric(
    "gp_collect_practices_differing",
    "Practices that the latest report of reconciling says differ",
    "practices",
)
ROWS_LOADED = Metric(
    "gp_collect_rows_loaded_in_a_day",
    "Rows loaded in the last 24 hours, by table",
    "rows",
    ("collection", "table"),
)
ROWS_BROKEN = Metric(
    "gp_collect_rows_broken_in_a_day",
    "Times that a row broke a rule, in parcels judged in the last 24 hours, by severity; rows about people themselves left out",
    "breaches",
    ("collection", "severity"),
)
STEP_SECONDS = Metric(
    "gp_collect_step_seconds_in_a_day",
    "Time that parcels loaded in the last 24 hours took together, by step",
    "seconds",
    ("collection", "step"),
)
STEP_SLOWEST = Metric(
    "gp_collect_step_slowest_seconds_in_a_day",
    "Time that the slowest parcel loaded in the last 24 hours took, by step",
    "seconds",
    ("collection", "step"),
)
NOTICES = Metric(
    "gp_collect_notices_open",
    "Notices, such as erasures, that were received and not carried out yet, by kind",
    "notices",
    ("collection", "kind"),
)
KEY_DAYS = Metric(
    "gp_collect_key_left_days",
    "Until a signer's key in the centre's key register ends; below 0 once it has, and for one that was revoked",
    "days",
    ("key",),
)
MEASURED = Metric("gp_collect_measured_timestamp_seconds", "When this was measured", "seconds since 1970", ())

METRICS = (
    *(OPEN, OLDEST, TAKING_PART, ARRIVED, LOADED, COVERAGE, FAILED, DIFFERING, ROWS_LOADED, ROWS_BROKEN),
    *(STEP_SECONDS, STEP_SLOWEST, NOTICES, KEY_DAYS, MEASURED),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One number of one metric, under its labels."""

    metric: Metric
    labels: Mapping[str, str]
    value: float
