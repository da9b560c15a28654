"""The audit chain and what outside the store bears witness to it."""
