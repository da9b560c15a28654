"""A share of rows in words: two digits that say something, and never a nothing or an all that is none."""

_SMALLEST = 0.001  # percent


def share_in_words(share: float) -> str:
    """Of a share from 0 to 1, a percentage."""
    percent = 100 * share
    if 0 < percent < _SMALLEST:
        return f"less than {_SMALLEST} %"
    if 99.5 <= percent < 100:
        return "more than 99 %"
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.2g} %"
