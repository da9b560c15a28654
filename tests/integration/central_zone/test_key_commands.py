"""gp-central keys: where a change of token key stands, and its end."""

import json
import os
import subprocess
import sys
from pathlib import Path

from central_zone import load_parcel
from crossing import answers
from support.parcels import a_night

INCLUDE = Path(__file__).parents[3] / "include"


def gp_central(zone, *arguments):
    code = "import sys; from central_zone.command_line import main; sys.exit(main())"
    environment = {**os.environ, **zone.environment(), "PYTHONPATH": str(INCLUDE)}
    command = [sys.executable, "-c", code, "keys", *arguments, "--collection", "gpdpr"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_key_in_use_is_shown_and_does_not_retire(zone):
    load_parcel.load_parcel(zone.sealed(a_night()).folder, zone.settings)
    shown = json.loads(gp_central(zone, "status").stdout)
    assert shown == {"practices": {"token-gpdpr-v1": ["A12345"]}, "open": {}, "retired": []}
    refused = gp_central(zone, "retire", "--version", "1")
    assert (refused.returncode, "KeyStillNeeded" in refused.stderr) == (4, True)


def test_a_key_that_nobody_is_under_any_more_retires_with_a_statement_that_the_receipt_key_signed(zone):
    parcel = zone.sealed(a_night(), token_key="token-gpdpr-v2")  # noqa: S106 (the name of a key)
    load_parcel.load_parcel(parcel.folder, zone.settings)
    said = json.loads(gp_central(zone, "retire", "--version", "1").stdout)
    assert (said["state"], said["parcels_destroyed"]) == ("retired", 0)
    assert list(parcel.folder.glob("part-*"))
    file = zone.settings.receipts_folder / said["statement"]
    answer = answers.read_answer(file.read_bytes(), answers.RETIREMENT, file.name)
    assert (answer.content["token_key"], answer.content["practices"]) == ("token-gpdpr-v1", 1)
    first = file.read_bytes()
    assert gp_central(zone, "retire", "--version", "1").returncode == 0
    assert file.read_bytes() == first
