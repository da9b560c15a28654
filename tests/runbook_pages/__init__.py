"""One page of the runbook for each error that the software can tell, made of the code, of notes, and of the tests that show it."""
