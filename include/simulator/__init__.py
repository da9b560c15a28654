"""Synthetic practices in the shape suppliers really send, with an answer sheet. Nobody in them is real."""
