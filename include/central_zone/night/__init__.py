"""How the nights went, for whoever watches them: practices by nights, from the ledger and policy alone. Changes nothing."""
