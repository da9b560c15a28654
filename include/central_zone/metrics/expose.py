"""Exposes the metrics as Prometheus reads them: to a scrape, or into a file for node exporter's textfile collector."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from prometheus_client.core import GaugeMetricFamily

from central_zone.folders import usable
from central_zone.metrics.names import METRICS, Sample
from crossing.errors import TryAgain

_log = logging.getLogger(__name__)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Ledger:
    """A collector: measures when it is asked, and keeps nothing between."""

    def __init__(self, measure: Callable[[], Iterable[Sample]]) -> None:
        self._measure = measure

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Without measuring: a registry asks as soon as it is made."""
        return [GaugeMetricFamily(each.name, each.help, labels=each.labels) for each in METRICS]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        samples = list(self._measure())
        for metric in METRICS:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for sample in samples:
                if sample.metric is metric:
                    family.add_metric([sample.labels[name] for name in metric.labels], sample.value)
            yield family


def exposition(samples: Iterable[Sample]) -> bytes:
    """The text of one scrape."""
    return generate_latest(_registry(samples))


def write_textfile(path: Path, samples: Iterable[Sample]) -> None:
    """The same into a file, whole or not at all. Raises FolderUnusable."""
    with usable("--textfile"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(path), _registry(samples))


def write_textfile_every(
    path: Path, measure: Callable[[], Iterable[Sample]], *, seconds: int, wait: Callable[[float], None] = time.sleep
) -> NoReturn:
    """Until it is stopped. While nothing can be measured the file stays as it was, and says itself how old it is.

    Raises what a person must mend.
    """
    while True:
        try:
            write_textfile(path, measure())
        except TryAgain as error:
            _log.warning("Not measured: %s: %s", type(error).__name__, error)
        wait(seconds)


def _registry(samples: Iterable[Sample]) -> CollectorRegistry:
    taken = list(samples)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Ledger(lambda: taken))
    return registry
