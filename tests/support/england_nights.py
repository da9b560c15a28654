"""A ledger of England: thousands of practices over two weeks of nights, written by SQL. What a manifest weighs, it weighs here."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from crossing.policy import Policy, policy_folder
from crossing.practice_lists import REGIONS

SUPPLIERS = {"EMIS": "emis_csv", "TPP": "tpp_csv", "Medicus": "medicus_csv"}
NOW = datetime(2026, 11, 26, 6, 0, tzinfo=UTC)
PADDING = 4_000  # bytes of a newest manifest that nobody looks at


@dataclass(frozen=True, slots=True)
class England:
    """Practice `n` is X00000 + n. Each night a few are held, refused, waiting or on the way, and a few send nothing."""

    practices: int = 6_300
    nights: int = 14

    def code(self, number: int) -> str:
        return f"X{number:05d}"

    def policy(self, folder: Path) -> Policy:
        """Ours, with these practices in place of the demonstration's."""
        shutil.copytree(policy_folder(), folder)
        taking_part, lists = (
            ["practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic"],
            ["practice_code,region,registered_patients,as_of,source"],
        )
        for number in range(self.practices):
            supplier = list(SUPPLIERS)[number % len(SUPPLIERS)]
            code = self.code(number)
            taking_part.append(f"{code},{supplier},{SUPPLIERS[supplier]},directory,{code},2026-09-01,,yes")
            lists.append(f"{code},{REGIONS[number % len(REGIONS)]},{5_000 + number},2026-11-01,made up")
        (folder / "practices.csv").write_text("\n".join(taking_part) + "\n")
        (folder / "practice_lists.csv").write_text("\n".join(lists) + "\n")
        return Policy(folder)

    def fill(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(
                _FILL, {"practices": self.practices, "nights": self.nights, "now": NOW, "padding": PADDING}
            )
            connection.execute(_LINEAGE)
            connection.execute("ANALYZE ledger.parcel")


# Of 1000 practices in a night: 2 held, 1 refused, 3 waiting, 4 on the way, 5 absent, the others loaded. Older nights: loaded or absent.
_FILL = """
INSERT INTO ledger.parcel (parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id,
    extract_taken_at, extract_kind, supplier_format, synthetic, state, state_reason, received_at, rows_loaded, rows_quarantined,
    seconds, manifest)
SELECT ledger.number_by_time(at - interval '3 hours', nextval('ledger.arrival')),
    gen_random_uuid(), 'gpdpr', 'X' || lpad(n::text, 5, '0'), d + 1, 'm' || n || '-' || d, 'e' || d,
    at - interval '3 hours', 'delta', 'emis_csv', true, state,
    CASE WHEN state IN ('held', 'refused') THEN 'Too many rows broke a rule.' END, at,
    '{"patient": 12, "observation": 3120}', '{"observation": {"date_before_birth": 2}}',
    '{"receive": 0.31, "validate": 0.82, "load": 0.44}',
    jsonb_build_object('counts', jsonb_build_object('patients_may_leave', 4700 + n, 'patients_held_back', '{}'::jsonb,
            'tables', '{}'::jsonb),
        'policy_sha256', '{"collections/gpdpr.toml": "ab"}'::jsonb, 'schema_sha256', 'ef', 'token_key', 'token-gpdpr-v1',
        'software', 'gp-collect 0.1.0',
        'padding', CASE WHEN d = %(nights)s - 1 THEN (SELECT string_agg(md5(i::text), '') FROM generate_series(1, %(padding)s / 32) i) END)
FROM generate_series(0, %(practices)s - 1) n, generate_series(0, %(nights)s - 1) d,
    LATERAL (SELECT %(now)s::timestamptz - (%(nights)s - 1 - d) * interval '1 day'
        - interval '3 hours' + n %% 3600 * interval '1 second' AS at,
        (n * 7 + d * 13) %% 1000 AS lot) a,
    LATERAL (SELECT CASE WHEN d < %(nights)s - 1 THEN CASE WHEN lot < 5 THEN NULL ELSE 'loaded' END
        WHEN lot < 2 THEN 'held' WHEN lot < 3 THEN 'refused' WHEN lot < 6 THEN 'waiting' WHEN lot < 10 THEN 'received'
        WHEN lot < 15 THEN NULL ELSE 'loaded' END AS state) b
WHERE state IS NOT NULL
"""

_LINEAGE = """
INSERT INTO lineage.outbox (event)
SELECT jsonb_build_object('eventTime', received_at, 'job', '{"name": "load.gpdpr"}'::jsonb, 'run', jsonb_build_object('runId', parcel_id),
    'inputs', jsonb_build_array(jsonb_build_object('name', 'parcel/' || practice_code || '/' || sequence)),
    'outputs', '[{"name": "records.patient", "outputFacets": {"outputStatistics": {"rowCount": 4}}},
                 {"name": "records.observation", "outputFacets": {"outputStatistics": {"rowCount": 3120}}}]'::jsonb)
FROM ledger.parcel WHERE state = 'loaded' ORDER BY parcel_number DESC LIMIT 120
"""
