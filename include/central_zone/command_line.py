"""The command gp-central."""


def main() -> int:
    return 0
