"""One file a supplier format. An adapter maps to the identified tables and decides nothing."""
