"""GP Connect Access Record Structured. `adapter` reads whole records, and what vanished from them."""
