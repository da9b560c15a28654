"""The layout of GDPPR over our tables, so that research code written for it runs. One definition, for the store and releases.

GDPPR (General Practice Extraction Service data for pandemic planning and research) is one wide table: a row for each coded
entry, with facts about the patient beside it. docs/gdppr.md says, column by column, what differs and why.
"""
