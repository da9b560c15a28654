"""Alembic's entry: always on the connection that `central_zone.store.migrate` hands over."""

from alembic import context

from central_zone.store.migrate import VERSION_SCHEMA

context.configure(connection=context.config.attributes["connection"], version_table_schema=VERSION_SCHEMA)
context.run_migrations()
