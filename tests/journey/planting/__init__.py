"""Plants unmistakable values in every field of every supplier's format, by changing what the simulator delivered.

Which fields there are is read from policy/fields, so a new field is planted by itself.
"""
