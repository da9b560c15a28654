"""The pages in docs/rules, for the public: made from the policy files, so that no page can say what policy does not.

`make pages` writes them; a test holds each against what it should be.
"""
