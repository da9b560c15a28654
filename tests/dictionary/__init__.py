"""Makes docs/data-dictionary.md and the table of docs/gdppr.md: `make pages`."""
