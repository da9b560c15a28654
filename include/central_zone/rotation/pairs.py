"""The pairs of one bridge, as they are worked with: opened, checked, under the store's own tokens, in a temporary table."""

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from central_zone import keys, receive
from central_zone.errors import ParcelRefused
from central_zone.load import ROWS_SENT_AT_ONCE, copy_rows
from central_zone.tokens import as_hex
from central_zone.zone import Zone
from crossing.canonical import BRIDGE, PERSON, STANDS_FOR, schema
from crossing.manifest import Manifest
from crossing.tokens import keyed_tokens

_TEMPORARY = "CREATE TEMPORARY TABLE bridge (old_token UUID, new_token UUID, stands_for TEXT) ON COMMIT DROP"
# A person's new token may itself have been replaced by another practice's bridge to a still newer key.
_RESOLVE = """
UPDATE pg_temp.bridge AS b SET new_token = p.new_token FROM rotation.pair AS p
WHERE p.collection = :collection AND p.old_token = b.new_token
"""
_CONTRADICTED = """
SELECT count(*) FROM pg_temp.bridge AS b JOIN rotation.pair AS p ON p.old_token = b.old_token
WHERE p.collection = :collection AND p.new_token <> b.new_token
"""


@dataclass(frozen=True, slots=True)
class Bridge:
    """One practice's bridge. The repr shows no token."""

    manifest: Manifest
    pairs: pa.Table = field(repr=False)  # T2: old_token, new_token, stands_for
    as_sent: pa.Array = field(repr=False)  # the source's new token (T1) of each pair, for the escrow alone

    @property
    def whose(self) -> str:
        return f"{self.manifest.practice_code}, bridge {self.manifest.sequence}"

    @property
    def names_persons_only(self) -> bool:
        return bool(pc.all(pc.equal(self.pairs["stands_for"], PERSON)).as_py() is not False)

    def of(self, *kinds: str) -> pa.Table:
        return self.pairs.filter(pc.is_in(self.pairs["stands_for"], value_set=pa.array(kinds, pa.string())))


def opened(zone: Zone, manifest: Manifest) -> Bridge:
    """Raises ParcelRefused or ParcelUnreadable. The source's own tokens (T1) are at hand here and nowhere else."""
    subkey = keys.store_subkey(zone.settings.keys_folder)
    key = keys.recipient_key(zone.settings.keys_folder)
    rows = receive.opened_rows(zone.folder(manifest.parcel_id), manifest, key)
    as_sent = pa.concat_tables([schema(BRIDGE).empty_table(), *(some for _, some in rows)])
    _check(manifest, as_sent)
    tokens = {name: keyed_tokens(as_hex(as_sent[name]), subkey) for name in ("old_token", "new_token")}
    pairs = pa.table({**tokens, "stands_for": as_sent["stands_for"]})
    return Bridge(manifest, pairs, as_sent["new_token"].combine_chunks())


def _check(manifest: Manifest, rows: pa.Table) -> None:
    strangers = (
        rows.num_rows - pc.sum(pc.is_in(rows["stands_for"], value_set=pa.array(STANDS_FOR))).as_py() if rows else 0
    )
    twice = sum(rows.num_rows - pc.count_distinct(rows[name]).as_py() for name in ("old_token", "new_token"))
    if strangers or twice:
        raise ParcelRefused(
            f"{manifest.practice_code}, bridge {manifest.sequence}: {twice} tokens are named twice and {strangers} pairs stand "
            "for nothing we know. Nothing was changed. Report the source's software."
        )


def lay_out(connection: Connection, bridge: Bridge) -> None:
    """The pairs as `pg_temp.bridge`, until the caller's transaction ends. Raises ParcelRefused where one says otherwise than before."""
    connection.execute(text(_TEMPORARY))
    copy_rows(connection, ("pg_temp", "bridge"), bridge.pairs.to_batches(max_chunksize=ROWS_SENT_AT_ONCE))
    connection.execute(text("ANALYZE pg_temp.bridge"))
    whose = {"collection": bridge.manifest.collection}
    connection.execute(text(_RESOLVE), whose)
    contradicted = connection.scalar(text(_CONTRADICTED), whose)
    if contradicted:
        raise ParcelRefused(
            f"{bridge.whose}: of {contradicted} tokens an earlier bridge said otherwise. Nothing was changed. Report the "
            "source's software."
        )
