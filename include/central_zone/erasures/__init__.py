"""Erasure: somebody opts out after their records came. They leave every table, and nothing older brings them back."""
