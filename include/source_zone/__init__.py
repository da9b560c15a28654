"""The source zone sees identifiers and holds the token keys. It has no address of the store."""
