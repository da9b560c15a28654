"""The part of the command gp-central about metrics: for a scrape by hand, or for node exporter."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add_metrics(commands: Any) -> None:
    metrics = commands.add_parser("metrics", help="how the centre is doing, as Prometheus reads it; docs/metrics.md")
    metrics.add_argument(
        "--textfile", type=Path, metavar="FILE", help="into this file, which node exporter's textfile collector reads"
    )
    metrics.add_argument(
        "--every",
        type=int,
        metavar="SECONDS",
        help="write the file again and again; a store that is down is waited for",
    )
    metrics.set_defaults(run=_metrics)


def _metrics(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.metrics.expose import exposition, write_textfile, write_textfile_every
    from central_zone.metrics.measure import measure

    loaded_settings = settings.load()
    if arguments.textfile and arguments.every:
        write_textfile_every(arguments.textfile, lambda: measure(loaded_settings), seconds=arguments.every)
    if arguments.textfile:
        write_textfile(arguments.textfile, measure(loaded_settings))
    else:
        sys.stdout.write(exposition(measure(loaded_settings)).decode())
    return 0
