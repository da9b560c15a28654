"""The errors of the central zone, each under one of the two branches: try again, or a person must act."""

from crossing.errors import PersonMustAct, TryAgain


class SettingMissing(PersonMustAct):
    """A setting that this step needs is not set."""


class FolderUnusable(PersonMustAct):
    """A folder we were given is full, missing or closed to us."""


class StoreDown(TryAgain):
    """The store could not be reached, or went away in the middle. Nothing half-done was kept."""


class StoreRefused(PersonMustAct):
    """The store refused rows or a statement. Only the SQLSTATE and the table are told: its own text quotes values."""


class ParcelRefused(PersonMustAct):
    """A parcel is not what its signed manifest says, or is not one we may load. None of it was loaded."""


class WrongRecipient(ParcelRefused):
    """The parcel was sealed to another key."""


class ParcelUnknown(PersonMustAct):
    """The ledger has never heard of the parcel."""


class WaitsForEarlier(TryAgain):
    """An earlier parcel of the same practice has not been loaded yet; parcels load in their order."""


class HeldForSteward(PersonMustAct):
    """Too much of the parcel is in doubt: a data steward decides whether it is loaded."""


class KeyStillNeeded(PersonMustAct):
    """A token key cannot retire: records, parcels or notices under it are still there."""


class NotHeld(PersonMustAct):
    """A decision was given for a parcel that is not waiting for one."""


class DecisionRefused(PersonMustAct):
    """A decision without a name or a reason, or with words that may not be kept."""


class NotReleasable(PersonMustAct):
    """Rows in quarantine may not be released: policy forbids it, or they cannot be told from others any more."""


class NothingInQuarantine(PersonMustAct):
    """No row in quarantine is what a decision was given for."""


class AuditBroken(PersonMustAct):
    """The audit chain does not hold: an entry was changed, removed or put in between."""


class StoreIsOlder(PersonMustAct):
    """The store lacks audit entries that something outside it bears witness to, as one restored from a backup does."""


class NotARestore(PersonMustAct):
    """What the store lacks is not what a restored backup lacks: nothing is explained away."""


class CheckpointsBroken(PersonMustAct):
    """The journal of audit checkpoints, or a signed answer, is not as we wrote it."""


class NotAllLoaded(PersonMustAct):
    """Some practices' parcels did not load, and trying again cannot help."""


class NotAllLoadedYet(TryAgain):
    """Some practices' parcels have not loaded yet; trying again may load them."""


class NothingToSkip(PersonMustAct):
    """The place of a practice's sequence that was to be given up is not one that others wait for."""


class PracticesDiffer(PersonMustAct):
    """Some practices' parcels, records or counts are not what they should be."""


class NotAllTaken(PersonMustAct):
    """Some practices' notices could not be acted on, and trying again cannot help."""


class NotAllTakenYet(TryAgain):
    """Some practices' notices have not been acted on yet; trying again may do it."""


class DataUseUnknown(PersonMustAct):
    """There is no such data use in policy, so there is no entry of the register, and no release."""


class ReleaseNotSafe(PersonMustAct):
    """One of the Five Safes does not hold: nothing was released."""


class NotOnTheRegister(PersonMustAct):
    """The published register does not tell of the use as policy has it. The public reads first."""


class TooFewPracticesChecked(PersonMustAct):
    """Too few practices' people were checked for national data opt-outs lately to release anything."""


class CohortTooSmall(PersonMustAct):
    """So few people are left that a release could tell who they are."""


class ReleasedWithoutEntry(PersonMustAct):
    """Something was released under a use that the register has no entry for."""


class ErasuresMissing(PersonMustAct):
    """The store lacks erasures that the journal holds, as one restored from a backup does, or was never confirmed."""


class JournalMissing(PersonMustAct):
    """The erasure journal is not there, and the store has applied some of it."""


class JournalBroken(PersonMustAct):
    """The erasure journal was changed, cut short, or belongs to another store."""


class CaseFolderInUse(PersonMustAct):
    """A folder that was named for a case has a request already, which nobody overwrites."""


class NotAdministrator(PersonMustAct):
    """The address for administrators names somebody who is none."""


class ServerMustRestart(PersonMustAct):
    """A setting of the store's server is set and not in force before it is started again, and nothing can go on without."""


class StoreWeaker(PersonMustAct):
    """The store is weaker than promised; the lines above say in what, why it matters, and what to do."""
