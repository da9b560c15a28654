"""The secure store: PostgreSQL, its tables, views and migrations."""
