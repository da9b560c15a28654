"""Writes a practice's truth as fhir_r4."""

from simulator.formats.fhir_r4.writer import WRITER

__all__ = ["WRITER"]
