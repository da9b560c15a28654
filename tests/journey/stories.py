"""Of whom a format that sends whole records must tell more, or less, than one that sends changes."""

import pyarrow as pa

from crossing.identifiers import canonical_nhs_number
from crossing.tokens import keyed_tokens
from simulator.consents import consents, opted_out
from simulator.practice import Practice, Size, practice
from source_zone.keys import NHS_NUMBER, load_keys
from support.simulated_nights import SimulatedNights

CAME_BACK, DELETED, PROTECTED = "came back", "deleted", "became protected"


def stories(lived: SimulatedNights, practice_code: str) -> dict[str, str]:
    """By token of the person, in hexadecimal: who opted out and in again, who was marked confidential later, and who was deleted."""
    truth = lived.truth
    nights = len(truth["practices"][practice_code]["nights"])
    size = Size(
        patients=truth["patients_per_practice"],
        entries_per_patient=truth["entries_per_patient"],
        seed=truth["seed"],
        trouble=truth["planted_trouble"],
    )
    source = practice(int(practice_code[1:]) - 99_000, size, nights=nights)
    told = dict.fromkeys(_who_came_back(source, nights), CAME_BACK)
    protected = source.roster.confidential_from.tolist()
    told |= {who: PROTECTED for who, night in enumerate(protected) if 1 < night <= nights}
    told |= {who: DELETED for who, night in enumerate(source.roster.deleted_on.tolist()) if night <= nights}
    numbers = [canonical_nhs_number(source.roster.nhs_number[who].as_py()) for who in told]
    key = load_keys(lived.zone.settings.keys, "gpdpr", 1).token_keys[NHS_NUMBER]
    tokens = keyed_tokens(pa.array([f"{NHS_NUMBER}\0{number}" for number in numbers]), key).to_pylist()
    return {token.hex(): story for token, story in zip(tokens, told.values(), strict=True)}


def _who_came_back(source: Practice, nights: int) -> set[int]:
    out = [opted_out(consents(source, night), night) for night in range(1, nights + 1)]
    return {who for night, earlier in enumerate(out) for later in out[night + 1 :] for who in earlier - later}
