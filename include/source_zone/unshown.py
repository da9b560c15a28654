"""What a decoder makes of a part of a record: printed, it says its kind and nothing that it holds."""

import msgspec


class Unshown(msgspec.Struct):
    """The base of every type that records are decoded into. A traceback, a log or a debugger may ask for their repr."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"
