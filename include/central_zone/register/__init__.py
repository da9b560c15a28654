"""The public register: made from what actually ran, and from the data uses that were agreed."""
