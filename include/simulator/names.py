"""Names and addresses that nobody bears, so that finding one anywhere is finding a leak."""

import pyarrow as pa

_GIVEN_STARTS = ["Zor", "Quil", "Vexa", "Ybri", "Xan", "Ozwi", "Jub", "Wyx", "Phlo", "Krelu"]
_GIVEN_ENDS = ["bella", "thorn", "mund", "wyn", "dira", "lius", "quetta", "zander", "phine", "rix"]
_FAMILY_STARTS = ["Quibb", "Zwack", "Vorpl", "Blunx", "Fozzl", "Grimbl", "Snorv", "Twizz", "Wobbl", "Yaxl"]
_FAMILY_MIDDLES = ["e", "ing", "o", "ery", "en", "a", "us", "ive", "ond", "ax"]
_FAMILY_ENDS = ["thwaite", "shawe", "worthy", "bottle", "kirk", "ffoulkes", "mere", "stoke", "hampstead", "buckle"]

GIVEN = pa.array([start + end for start in _GIVEN_STARTS for end in _GIVEN_ENDS])
FAMILY = pa.array([a + b + c for a in _FAMILY_STARTS for b in _FAMILY_MIDDLES for c in _FAMILY_ENDS])
STREETS = pa.array(
    [
        f"{name} {kind}"
        for name in (
            "Nonesuch",
            "Fablemarsh",
            "Unreality",
            "Figmentum",
            "Makebelieve",
            "Phantasmo",
            "Notional",
            "Chimerical",
        )
        for kind in ("Parade", "Ginnel", "Twitten", "Esplanade")
    ]
)
TOWN = "Imaginaria-on-Sea"
COUNTY = "Fictionshire"

# Each sentence is broken where a patient's family name stands.
SENTENCES = (
    ("Seen with the mother of ", ", flumbrous breathing noted"),
    ("Letter about ", " filed, quaverlode follow-up"),
    ("Neighbour of ", " rang, says zibberous rash spreading"),
    ("", " prefers to be called Snibbletwitch"),
)
SENTENCE_STARTS = pa.array([start for start, _ in SENTENCES])
SENTENCE_ENDS = pa.array([end for _, end in SENTENCES])
DISTINCTIVE_WORDS = ("flumbrous", "quaverlode", "zibberous", "Snibbletwitch")
