"""Why no allow list is made. Each says how many, of which request, and what to do; none a number of a person's.

Whatever goes wrong, the allow lists that are in force stay until they expire, and nobody is added to one.
"""

from crossing.errors import GPCollectError, PersonMustAct
from crossing.mesh_envelope import NotDelivered

ASK_AGAIN = "gp-source national-opt-outs --collection C --ask"


class CheckFailed(PersonMustAct):
    """Several things are wrong with one check; the message has a line for each."""


class NumbersRefused(PersonMustAct):
    """The service takes no file with a number that is not valid, and says that ours has one."""


class JobNotCreated(PersonMustAct):
    """The service says something other than that it created a job."""


class ReplyEmpty(PersonMustAct):
    """An answer holds nothing: that is not "nobody may be released", and not "nobody opted out"."""


class ReplyTruncated(PersonMustAct):
    """An answer ends in the middle of a line."""


class ReplyMalformed(PersonMustAct):
    """An answer has lines that are not ten digits, a comma and a line feed."""


class ReplyLarger(PersonMustAct):
    """An answer is larger than what was asked."""


class ReplyRepeats(PersonMustAct):
    """An answer names people twice."""


class ReplyNamesOthers(PersonMustAct):
    """An answer names people who were not asked about."""


class RepliesDiffer(PersonMustAct):
    """One request was answered twice, and not the same."""


class NobodyOptedOut(PersonMustAct):
    """A large request came back whole: nobody among so many having opted out is hardly true."""


class ShareDoubtful(PersonMustAct):
    """More or fewer have opted out than policy believes."""


class ReplyOverdue(PersonMustAct):
    """No answer came in the time that policy gives."""


class ReplyLate(PersonMustAct):
    """An answer came to a request that had been given up."""


class ReplyNotOurs(PersonMustAct):
    """Messages are in the mailbox that answer nothing of ours, or come from somebody else."""


class KeptUnreadable(PersonMustAct):
    """What was asked, or an answer, is there but cannot be opened, or is gone."""


class PracticesNotAsked(PersonMustAct):
    """Some practices' people could not be asked about; the others were."""


class PracticesNotListed(PersonMustAct):
    """Some practices got no allow list; the others did."""


class NothingToAsk(PersonMustAct):
    """No practice knows anybody with a valid NHS number who may leave."""


_KEPT = (
    *(NumbersRefused, JobNotCreated, ReplyEmpty, ReplyTruncated, ReplyMalformed, ReplyLarger, ReplyRepeats),
    *(ReplyNamesOthers, RepliesDiffer, NobodyOptedOut, ShareDoubtful, ReplyOverdue, ReplyLate, NotDelivered),
)
_TOLD = {kind.__name__: kind for kind in _KEPT}


def line_of(error: GPCollectError) -> str:
    """As it is kept with a request."""
    return f"{type(error).__name__}: {error}"


def told_again(line: str) -> PersonMustAct:
    """The error that was kept, as it was."""
    name, _, words = line.partition(": ")
    return _TOLD[name](words) if name in _TOLD else CheckFailed(line)


def raise_any(errors: list[GPCollectError]) -> None:
    """One error as itself; several as CheckFailed, or as the first where none needs a person."""
    once = list({line_of(error): error for error in errors}.values())
    if len(once) == 1:
        raise once[0]
    if any(isinstance(error, PersonMustAct) for error in once):
        raise CheckFailed(" | ".join(line_of(error) for error in once))
    if once:
        raise once[0]
