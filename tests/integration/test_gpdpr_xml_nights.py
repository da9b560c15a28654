"""Simulated nights of GPDPR XML: the same store whether the supplier tokenises or we do; and memory that does not grow."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from crossing.policy import policy_folder
from simulator.simulate import simulate
from source_zone.keys import NHS_NUMBER, field_key
from source_zone.release import prepare
from source_zone.release_practice import release_practice
from support.gpdpr_tokenised import tokenise_folder, tokenised_policy
from support.simulated_nights import SimulatedNights, find_parcels
from support.source_zone import a_practice, make_source_zone

pytestmark = pytest.mark.slow
NIGHTS = (1, 2, 3)
SIZE = {"practices": 1, "patients": 60, "entries_per_patient": 60, "seed": 7, "cut_off": None}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[SimulatedNights, SimulatedNights]:
    """Three nights as delivered clear, and the same with tokens made by the supplier."""
    root = tmp_path_factory.mktemp("gpdpr")
    clear = make_source_zone(root / "clear")
    policy = tokenised_policy(policy_folder(), root / "policy")
    ready = make_source_zone(root / "ready", policy=policy, keys=clear.settings.keys)
    source_key = (clear.settings.keys / "token-gpdpr-v1.key").read_bytes()
    key = field_key(source_key, "gpdpr", NHS_NUMBER, 1)
    lived = SimulatedNights(clear, "gpdpr_xml"), SimulatedNights(ready, "gpdpr_xml")
    for night in NIGHTS:
        simulate(clear.settings.incoming, format="gpdpr_xml", night=night, **SIZE)
        tokenise_folder(clear.settings.incoming / "Y99001", ready.settings.incoming / "Y99001", key, policy)
        for each in lived:
            practice = a_practice("Y99001", "gpdpr_xml")
            folder = each.zone.settings.incoming / "Y99001"
            release_practice(prepare("gpdpr", practice, f"night-{night}", each.zone.settings, folder=folder))
    truth = json.loads((clear.settings.incoming / "truth.json").read_text())
    for each in lived:
        each.truth = truth
        find_parcels(each)
    return lived


def rows_of(lived: SimulatedNights, night: int, table: str) -> pa.Table:
    parts = [rows for name, rows in lived.opened(("Y99001", str(night))) if name == table]
    return pa.concat_tables(parts) if parts else pa.table({})


@pytest.mark.parametrize("night", NIGHTS)
def test_the_same_people_leave_as_the_same_tokens(both: tuple[SimulatedNights, SimulatedNights], night: int) -> None:
    """But for a wrong NHS number: here its check digit is looked at, and the supplier has to look itself."""
    clear, ready = (rows_of(each, night, "patient").to_pylist() for each in both)
    assert len(clear) == len(ready) > 0
    for ours, theirs in zip(clear, ready, strict=True):
        assert ours["patient_token"] in (theirs["patient_token"], None)
        different = {name for name in ours if ours[name] != theirs[name]} - {"patient_token"}
        assert different <= {"year_of_birth", "year_of_death", "month_of_death", "registered_date"}
    same = [ours["year_of_birth"] == theirs["year_of_birth"] for ours, theirs in zip(clear, ready, strict=True)]
    assert sum(same) >= len(same) * 0.9


@pytest.mark.parametrize("night", NIGHTS)
def test_the_same_counts_but_for_what_a_week_cannot_tell(
    both: tuple[SimulatedNights, SimulatedNights], night: int
) -> None:
    clear, ready = (dict(each.manifests["Y99001", str(night)].counts) for each in both)
    assert ready["patients_held_back"] == clear["patients_held_back"]
    for table, ours in clear["tables"].items():
        theirs = ready["tables"][table]
        assert theirs["read"] == ours["read"]
        if table != "appointment":  # those of somebody with a wrong NHS number are led to its token
            told = ours["quarantined"].get("dated_before_birth", 0) - theirs["quarantined"].get("dated_before_birth", 0)
            assert theirs["sent"] == ours["sent"] + told, table


MEASURE = """
import sys
from pathlib import Path
from crossing.policy import Policy
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.identified import ReadTally
adapter = GpdprXml("Y99001", Policy(), "token-gpdpr-v1")
extract, = adapter.find_extracts(Path(sys.argv[1]))
rows = sum(batch.rows.num_rows for batch in adapter.read(extract, ReadTally()))
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(rows, int(status["VmHWM"].split()[0]) // 1024)  # ru_maxrss would begin with what our parent had
"""


@pytest.mark.rehearsal
def test_ten_times_the_file_takes_no_more_memory(tmp_path: Path) -> None:
    """Patients of the first file again and again, under the same ids: what the adapter holds is the same."""
    simulate(tmp_path, format="gpdpr_xml", practices=1, patients=130, entries_per_patient=250, seed=3, trouble=False)
    once = tmp_path / "Y99001"
    rows, peak = _measured(once)
    ten_times = _repeated(once, tmp_path / "ten times", 10)
    more_rows, more_peak = _measured(ten_times)
    assert more_rows > 8 * rows
    assert more_peak < peak + 120, f"{peak} MB for {rows} rows, {more_peak} MB for {more_rows}"


def _measured(folder: Path) -> tuple[int, int]:
    ran = subprocess.run([sys.executable, "-c", MEASURE, str(folder)], capture_output=True, text=True, check=True)
    rows, peak = ran.stdout.split()
    return int(rows), int(peak)


def _repeated(once: Path, folder: Path, times: int) -> Path:
    folder.mkdir()
    for path in once.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    path = next(folder.glob("GPDRP_PAT_EXTRACT*"))
    head, snapshots, tail = _parts(gzip.decompress(path.read_bytes()))
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(head)
        for _ in range(times):
            file.write(snapshots)
        file.write(tail)
    _count_again(next(folder.glob("GPDRP_PAT_REPORT*")), head.count(b"/>") + times * snapshots.count(b"/>"))
    return folder


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    start, end = content.index(b"<patient-extract-snapshot>"), content.index(b"</practice-patient-extracts>")
    return content[:start], content[start:end], content[end:]


def _count_again(report: Path, rows: int) -> None:
    said = json.loads(report.read_text())
    said["actual_submissions"][0]["record_count"] = rows
    report.write_text(json.dumps(said) + "\n")
