"""The command gp-source."""


def main() -> int:
    return 0
