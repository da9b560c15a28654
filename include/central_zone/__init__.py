"""The central zone sees pseudonyms only. It holds the store, and no source key."""
