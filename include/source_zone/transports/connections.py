"""Where a practice's supplier is reached; read as the crossing reads every connection."""

from crossing.connections import ConnectionRefused, Secrets, read_connection, read_secret_file

__all__ = ["ConnectionRefused", "Secrets", "read_connection", "read_secret_file"]
