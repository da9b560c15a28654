"""One identifying value in a variable: it can be compared, and there is one named way to its text.

Columns of identified rows stay Arrow and polars; this is for what stands alone: a patient's NHS number, postcode, local id.
Whatever would write it down by accident (a log line, an f-string, JSON, pickle, XCom, a column of a library) is refused.
"""

from enum import Enum, unique
from typing import Any, Final, NoReturn, final

from crossing.errors import SoftwareFault
from crossing.identifiers import canonical_nhs_number

SHOWN: Final = "‹identifier›"


class IdentifierStaysHere(SoftwareFault):
    """Something tried to write an identifier down, to send it, or to take it apart."""


@unique
class Reason(Enum):
    """Why the text is needed. The list is closed, and a test counts who gives which reason, and where."""

    COLUMN = "into a column of identified rows, inside this zone"
    TREATING_PRACTICE = "told to the practice that treats the person"


@final
class Identifier:
    """Holds what identifies a person. Equal texts are equal identifiers, so that they can be keys of a dictionary.

    `repr` says a fixed word, since tracebacks and debuggers call it unasked. Everything else that would show the text
    raises IdentifierStaysHere; `reveal` gives it.
    """

    __slots__ = ("__text",)
    __text: str

    def __init_subclass__(cls) -> None:
        raise IdentifierStaysHere("Nothing is made out of Identifier: a class of its own could show the text.")

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "_Identifier__text", text)

    def reveal(self, reason: Reason) -> str:
        """The text. Raises IdentifierStaysHere for a reason that is not on the list."""
        if type(reason) is not Reason:
            raise IdentifierStaysHere(
                "An identifier was asked for without one of the reasons in source_zone/identifier.py."
            )
        return self.__text

    def __repr__(self) -> str:
        return SHOWN

    def __eq__(self, other: object) -> bool:
        return self.__text == other.__text if type(other) is Identifier else NotImplemented

    def __hash__(self) -> int:
        """Of the text under this process's own random seed, which Python chooses anew each time."""
        return hash((Identifier, self.__text))

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> "Identifier":
        return self  # it never changes

    def _stays_here(self, *_: Any, **__: Any) -> NoReturn:
        raise IdentifierStaysHere(
            "An identifier was about to be written down, sent or taken apart. If it has to be, say why: "
            "identifier.reveal(reason), and have the place reviewed."
        )

    __str__ = __format__ = __bytes__ = __fspath__ = _stays_here
    __iter__ = __reversed__ = __len__ = __getitem__ = __contains__ = __int__ = __float__ = __index__ = _stays_here
    __lt__ = __le__ = __gt__ = __ge__ = __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = _stays_here
    __reduce__ = __reduce_ex__ = __getstate__ = __deepcopy__ = __array__ = __arrow_array__ = _stays_here
    __setattr__ = __delattr__ = _stays_here


def identifier_in(text: str | None) -> Identifier | None:
    """What a cell holds, as an identifier. An empty cell holds none."""
    return Identifier(text) if text else None


def nhs_number_in(text: str | None) -> Identifier | None:
    """Ten digits with a right check digit, without their spaces and hyphens; anything else is none."""
    return identifier_in(canonical_nhs_number(text))
