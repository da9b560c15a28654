"""The source zone sees identifiers and holds the token keys. It has no address of the store."""

SOFTWARE = "gp-collect 0.1.0"  # written into every manifest
