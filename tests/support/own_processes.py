"""The processes of one test: what others on the machine are started with is nobody's business here."""

import psutil


def own_processes() -> list[int]:
    this = psutil.Process()
    return [this.pid, *(each.pid for each in this.children(recursive=True))]
