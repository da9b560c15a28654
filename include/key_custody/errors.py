"""What can go wrong with custody. Nothing of an answer is quoted: an answer of Vault may hold a key."""

from crossing.errors import PersonMustAct, TryAgain


class CustodyAway(TryAgain):
    """Vault, or the PKCS#11 module, cannot be asked just now."""


class CustodyRefused(PersonMustAct):
    """custody.toml is wrong, or Vault or the module will not open the data key for us."""
