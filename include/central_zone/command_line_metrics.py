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
    metrics.set_defaults(run=_metrics)


def _metrics(arguments: argparse.Namespace) -> int:
    from central_zone import settings
    from central_zone.metrics.expose import exposition, write_textfile
    from central_zone.metrics.measure import measure

    samples = measure(settings.load())
    if arguments.textfile:
        write_textfile(arguments.textfile, samples)
    else:
        sys.stdout.write(exposition(samples).decode())
    return 0
