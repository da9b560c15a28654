"""Generated opt-out histories: one for every patient of a practice, in columns, and who may leave because of them.

They stand in place of planted trouble, with a sheet of their own: for each patient and night, may leave or why not.
"""
