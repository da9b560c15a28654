"""Finds planted values, or keys, in everything a deployment made: files, databases, processes. Knows no zone."""
