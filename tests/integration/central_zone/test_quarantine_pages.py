"""The page on quarantine over a real store: what waits, what may be done, where, who decided; and nothing that is in a row."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from central_zone import load_parcel, quarantine_decide
from central_zone.quarantine_choice import Choice
from gp_collect_pages import reading
from support.opened_pages import UNDER, Visitor
from support.quarantined import AHEAD, a_night_with_plans

pytestmark = pytest.mark.airflow


def words(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


@pytest.fixture
def pages(zone):
    """Two nights of a practice; of the first, a steward discarded the rows without a sound code."""
    first = zone.sealed(a_night_with_plans(both=(2,)))
    load_parcel.load_parcel(first.folder, zone.settings)
    later = (datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)).isoformat()
    again = {"sequence": 2, "previous": first, "extract_taken_at": later, "extract_id": "another"}
    load_parcel.load_parcel(zone.sealed(a_night_with_plans(), **again).folder, zone.settings)
    said = {"by": "A. Steward", "reason": "no such code"}
    named = {"table_name": "observation", "rule_ids": ("snomed_concept_shape",)}
    quarantine_decide.discard_rows(Choice(parcel_id=first.manifest.parcel_id, **named, **said), zone.settings)
    visitor = Visitor().allowed().handed({reading.settings: lambda: zone.settings})

    def opened(path, **parameters):
        answer = visitor.opens(path, **parameters)
        assert answer.status_code == 200, answer.text
        assert str(AHEAD) not in answer.text
        return answer.text

    return opened


def test_what_waits_is_told_by_practice_and_rule_and_who_decided_what_and_why(pages):
    html = pages("/quality/quarantine")
    text = words(html)
    assert "Rows of 2 kinds wait" in text
    assert re.search(r"A12345 observation dated in future of observation, A12345 7 2 yes", text)
    assert re.search(r"A12345 observation snomed concept shape of observation, A12345 2 2 no: ", text)
    assert re.search(r"A\. Steward discarded 1 A12345, parcel 1 observation snomed concept shape no such code", text)
    assert 'href="/dags/decide_quarantine__gpdpr"' in html
    assert f'href="{UNDER}/quality/practice/A12345?collection=gpdpr"' in html
    assert "Nothing waits" in words(pages("/quality/quarantine", practice="A99999"))


def test_of_a_practice_each_row_is_in_one_line_and_the_form_is_told_what_to_enter(pages):
    text = words(pages("/quality/practice/A12345"))
    assert re.search(r"observation dated in future 6 1, 2 yes", text)
    assert re.search(r"observation dated in future and snomed concept shape 1 1 no: ", text)
    assert re.search(r"observation snomed concept shape 1 2 no: ", text)
    assert re.search(r"enter the practice's code, +A12345", text)
    assert "A. Steward discarded 1" in text
