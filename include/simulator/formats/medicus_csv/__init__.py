"""Writes a practice's truth as medicus_csv."""

from simulator.formats.medicus_csv.writer import WRITER

__all__ = ["WRITER"]
