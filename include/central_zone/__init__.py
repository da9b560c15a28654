"""The central zone sees pseudonyms only. It holds the store, and no source key."""

SOFTWARE = "gp-collect 0.1.0"  # written into the lineage of a release
