"""What every table of the store is registered in, wherever it is described."""

from sqlalchemy import MetaData, Table, Text, event

from central_zone.store.meanings import describe

metadata = MetaData()
PRACTICE = Text(collation="C")  # compared byte by byte: twice as fast to index as by a language's rules


@event.listens_for(Table, "after_parent_attach")
def _described(table: Table, parent: MetaData) -> None:
    """Temporary and released tables have a registry of their own, and no lines in meanings.toml."""
    if parent is metadata:
        describe(table)
