"""Writes a practice's truth as tpp_csv."""

from simulator.formats.tpp_csv.writer import WRITER

__all__ = ["WRITER"]
