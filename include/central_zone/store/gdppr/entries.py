"""The coded entries of each table, in the words of GDPPR: the parts of one union."""

from collections.abc import Iterator

from central_zone.store.gdppr.codes import DIASTOLIC, SYSTOLIC
from central_zone.store.gdppr.layout import ENTRIES, Layout, Source, or_null

_SAID_ELSEWHERE = ("observation", "immunisation", "allergy")  # problems and referrals may extend one of these
_NEVER_HAPPENED = "('entered_in_error', 'not_done')"


def entries_of(layout: Layout) -> Iterator[str]:
    for table in ENTRIES:
        if table in layout.sources:
            yield _ENTRIES_OF.get(table, _coded)(layout, table)


def _entry(layout: Layout, table: str, source: str, where: str = "", **own: str) -> str:
    """One part of the union: every part has the same columns of the same types, so that filters reach its table."""
    from_ = layout.sources[table]
    made = {
        **{column: f"entry.{column}" for column in layout.key},
        "code": "entry.snomed_concept_id",
        "date": or_null(from_, "entry", "effective_date", "date"),
        "record_date": f"{or_null(from_, 'entry', 'recorded_at', 'timestamp')}::date",
        "episode_prescription": "NULL::text",
        "value1_condition": "NULL::double precision",
        "value2_condition": "NULL::double precision",
        "value1_prescription": "NULL::double precision",
        **own,
    }
    columns = ", ".join(f"{expression} AS {name}" for name, expression in made.items())
    return f"  SELECT {columns}\n  FROM {from_.relation} AS entry{source}{where}"  # noqa: S608 (all of it is ours)


def _coded(layout: Layout, table: str) -> str:
    return _entry(layout, table, "")


def _so(layout: Layout, table: str) -> str:
    """Entries that say that something was not done, or was written down by mistake, would count as done."""
    return _entry(layout, table, "", f"\n  WHERE (entry.status IN {_NEVER_HAPPENED}) IS NOT TRUE")


def _observation(layout: Layout, table: str) -> str:
    """A blood pressure is an entry with two beneath it, in most systems; in GDPPR it is one entry with two values."""
    source = layout.sources[table]
    value = or_null(source, "entry", "value", "double precision")
    if not {"value", "parent_token"} <= source.columns:
        return _entry(layout, table, "", value1_condition=value)
    key = ", ".join(layout.key)
    pressure = f"""
  LEFT JOIN (
    SELECT {key}, parent_token,
      max(value) FILTER (WHERE snomed_concept_id IN {SYSTOLIC}) AS systolic,
      max(value) FILTER (WHERE snomed_concept_id IN {DIASTOLIC}) AS diastolic
    FROM {source.relation} AS beneath
    WHERE parent_token IS NOT NULL AND snomed_concept_id IN {(*SYSTOLIC, *DIASTOLIC)}
    GROUP BY {key}, parent_token
  ) AS pressure ON {_same(layout, "pressure")} AND pressure.parent_token = entry.record_token"""  # noqa: S608 (all of it is ours)
    return _entry(
        layout,
        table,
        pressure,
        value1_condition="coalesce(entry.value, pressure.systolic)",
        value2_condition="CASE WHEN entry.value IS NULL THEN pressure.diastolic END",
    )


def _medication(layout: Layout, table: str) -> str:
    """An acute prescription is authorised and issued at once, and counts once: as what was issued."""
    source = layout.sources[table]
    kind, authorised = "entry.prescription_type", ""
    if (
        "authorisation_token" in source.columns
    ):  # some systems say the kind of a prescription with its authorisation alone
        kind, authorised = (
            "coalesce(entry.prescription_type, authorised.prescription_type)",
            _authorised(layout, source),
        )
    named_by = "coalesce(entry.dmd_code, entry.snomed_concept_id)"
    return _entry(
        layout,
        table,
        authorised,
        "\n  WHERE (entry.intent = 'plan' AND entry.prescription_type = 'acute') IS NOT TRUE",
        code=named_by if "snomed_concept_id" in source.columns else "entry.dmd_code",
        episode_prescription=f"CASE WHEN entry.intent = 'plan' THEN 'R' WHEN {kind} = 'acute' THEN 'A' ELSE 'I' END",
        value1_prescription=or_null(source, "entry", "quantity", "double precision"),
    )


def _authorised(layout: Layout, source: Source) -> str:
    key = ", ".join(layout.key)
    return f"""
  LEFT JOIN (
    SELECT {key}, record_token, max(prescription_type) AS prescription_type
    FROM {source.relation} AS plan WHERE intent = 'plan' GROUP BY {key}, record_token
  ) AS authorised ON {_same(layout, "authorised")} AND authorised.record_token = entry.authorisation_token"""  # noqa: S608 (all of it is ours)


def _extending(layout: Layout, table: str) -> str:
    """A problem or referral that extends an entry bears its token, and the entry is there already."""
    not_so = [f"(entry.status IN {_NEVER_HAPPENED}) IS NOT TRUE"] if table == "problem" else []
    said = [
        f"NOT EXISTS (SELECT FROM {layout.sources[other].relation} AS said WHERE {_same(layout, 'said')} "
        "AND said.record_token = entry.record_token AND said.snomed_concept_id IS NOT NULL)"
        for other in _SAID_ELSEWHERE
        if other in layout.sources
    ]
    both = "\n    AND ".join([*not_so, *said])
    return _entry(layout, table, "", f"\n  WHERE {both}" if both else "")


def _same(layout: Layout, alias: str) -> str:
    return " AND ".join(f"{alias}.{column} = entry.{column}" for column in layout.key)


_ENTRIES_OF = {
    "observation": _observation,
    "immunisation": _so,
    "allergy": _so,
    "medication": _medication,
    "referral": _extending,
    "problem": _extending,
}
