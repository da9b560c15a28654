"""A case of re-identification at the source: checked anew, matched against who is registered today, told to the practice alone."""
