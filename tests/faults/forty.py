"""The forty faults that the pipeline was designed against, and what of them cannot be injected here."""

FORTY = {
    "F01": "a worker is killed while rows stream into the store",
    "F02": "a worker is killed after the rows, before COMMIT",
    "F03": "a worker is killed after COMMIT, before the receipt",
    "F04": "a worker is killed while it seals at the source",
    "F05": "a worker is killed between the steps of the source",
    "F06": "the database is restarted at once, in the middle of a load",
    "F07": "the database is down when a load begins",
    "F08": "the database's disk is full",
    "F09": "a disk of the source is full, or the one for logs",
    "F10": "a worker runs out of memory",
    "F11": "the same parcel is delivered twice",
    "F12": "the same rows come again in another parcel",
    "F13": "two workers take the same parcel",
    "F14": "a parcel comes before the one it follows",
    "F15": "a gap of the sequence is never filled",
    "F16": "an old parcel with a good signature is replayed",
    "F17": "a file of a parcel is cut short",
    "F18": "a bit of a part, the manifest or a signature is flipped",
    "F19": "parts are swapped, dropped, doubled or of another parcel",
    "F20": "the signer is unknown, or its key was revoked",
    "F21": "the parcel is sealed to somebody else, or to a key of long ago",
    "F22": "clocks differ, change for summer, or meet a leap day",
    "F23": "somebody opts out while their practice's run is under way",
    "F24": "the token key changes while a run is under way",
    "F25": "the source of opt-outs is missing, empty, old or cut short",
    "F26": "the list of restricted codes is missing, or a code is on no list",
    "F27": "a column is added, renamed, retyped or moved",
    "F28": "a poisoned row: an impossible date, too large a number, a NUL, a lone surrogate, a text of a megabyte",
    "F29": "an NHS number stands where a code, a text or a local id belongs",
    "F30": "a bomb: ten megabytes that unpack to gigabytes",
    "F31": "file names that climb, links, doubles, and names that differ in case only",
    "F32": "a formula in what is published",
    "F33": "two schedulers, a zombie task, a run that is there twice",
    "F34": "a task is run again after it succeeded, cleared, or backfilled",
    "F35": "MESH reports that a message was not delivered",
    "F36": "MESH: an answer lost, a chunk missing, 429 and 5xx, a certificate that is refused",
    "F37": "the line breaks during COMMIT, and nobody knows",
    "F38": "a late correction or deletion of a record that was released already",
    "F39": "a backup is restored: the store travels in time",
    "F40": "Airflow's metadata database is lost",
}

# What of a fault was not done, and why. A fault without any test must be here.
CANNOT_BE_INJECTED = {
    "F09": "A full disk that holds Airflow's own task logs needs a running Airflow on a file system of its own. What our steps "
    "themselves write (lineage, and a handler of Python's logging) is tried on a full disk instead.",
    "F10": "Where we may not make a memory cgroup (no root, or no such controller), the kernel's OOM killer is not met: memory is "
    "refused by a limit instead (RLIMIT_AS).",
    "F22": "The machine's own clock is not set: it is shared. The clock is handed to every step, so another one is handed in.",
}

# Faults whose only tests are rehearsals (`make rehearse`), and why.
ONLY_REHEARSED: dict[str, str] = {}
