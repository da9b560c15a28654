"""Writes a practice's truth as gp_connect."""

from simulator.formats.gp_connect.writer import WRITER

__all__ = ["WRITER"]
