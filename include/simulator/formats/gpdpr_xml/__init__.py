"""Writes a practice's truth as gpdpr_xml."""

from simulator.formats.gpdpr_xml.writer import WRITER

__all__ = ["WRITER"]
