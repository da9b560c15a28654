"""Everything that the nights made, as surfaces to search, and the few places that may hold identifiers, each with its reason."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from central_zone.erasures.stripped import read_stripped
from central_zone.keys import recipient_key
from central_zone.receive import opened_rows
from crossing.canonical import ERASURE
from crossing.manifest import read_manifest
from leak_search.postgres import Database, DataDirectory
from leak_search.surfaces import Allowed, Folder, Kept, Surface
from support.third_night import ThirdNight

_ELSEWHERE = "Searched as surfaces of their own."


def allowed(lived: ThirdNight) -> list[Allowed]:
    """What may hold identifiers. Everything else below the deployment's folder may not."""
    return [
        Allowed(
            lived.folder / "source" / "incoming", "The suppliers' deliveries: what the source zone is given to read."
        ),
        Allowed(lived.folder / "keys", "Both zones' keys: they are looked for elsewhere."),
        Allowed(lived.shown.policy, "Maps postcodes to areas; nothing is written there."),
    ]


def surfaces(lived: ThirdNight) -> list[Surface]:
    """Each zone's folders, Airflow's, the databases, the server's disk, parcels opened, processes, and what was printed."""
    folder, postgres, served = lived.folder, lived.folder / "postgres", lived.shown.served
    parts = {
        "logs of every process": folder / "logs",
        "Airflow's home": folder / "airflow",
        "parcels, sealed": folder / "crossing",
        "the source zone's memory and spool": folder / "source",
        "the central zone: quarantine, receipts, register, erasures": folder / "central",
        "lineage events": folder / "lineage",
    }
    may = allowed(lived)
    rest = [Allowed(path, _ELSEWHERE) for path in (*parts.values(), postgres)]
    return [
        *(Folder(name, path, may) for name, path in parts.items()),
        Folder("the rest of the deployment's folder", folder, [*may, *rest]),
        Folder("temporary files", folder.parent, [Allowed(folder, _ELSEWHERE), Allowed(served, _ELSEWHERE), *may]),
        Folder("what pages and Airflow's interface served", served),
        Kept("parcels, opened", list(opened_parcels(lived))),
        Database("Airflow's database", lived.shown.url("airflow")),
        Database("the store", lived.shown.url("store")),
        DataDirectory("the database server's disk", postgres, lived.shown.url("store"), logs=[postgres / "log"]),
        lived.processes,
        Kept("what commands printed", lived.printed),
    ]


def opened_parcels(lived: ThirdNight) -> Iterator[tuple[str, bytes]]:
    """Every row of every parcel, with the centre's key, as Arrow holds it; of stripped ones what is left."""
    for path in sorted((lived.folder / "crossing").glob("*/manifest.json")):
        if read_manifest(path.read_bytes()).extract_kind == ERASURE and not [*path.parent.glob("part-*")]:
            continue  # a notice that was acted on: who it named is gone
        for number, (table, rows) in enumerate(_rows(path, lived.folder / "keys" / "central")):
            cells = pa.table([_apart(column) for column in rows.columns], rows.column_names)
            target = pa.BufferOutputStream()
            with pa.ipc.new_stream(target, cells.schema) as writer:
                writer.write_table(cells)
            yield f"{path.parent.name}, {table} {number}", target.getvalue().to_pybytes()


def _apart(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Arrow writes texts without anything between them: the end of a code and the beginning of the next make any number."""
    if not pa.types.is_string(column.type):
        return column
    return pc.binary_join_element_wise(column, "", "\n")


def _rows(path: Path, keys: Path) -> Iterator[tuple[str, pa.Table]]:
    manifest = read_manifest(path.read_bytes())
    stripped = partial(read_stripped, path.parent, manifest, keys)
    yield from opened_rows(path.parent, manifest, recipient_key(keys), stripped=stripped)
