"""What the web processes count about themselves, in Prometheus text; labels are route classes and never names or addresses.

Each process leaves its numbers in a folder, so that whichever is asked answers for all: one series for each process.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]

_CLASSES: Final = {
    "tiles": "tiles",
    "collections": "features",
    "ogc": "features",
    "conformance": "features",
    "products": "catalogue",
    "layers": "catalogue",
    "divisions": "catalogue",
    "styles": "catalogue",
    "search": "search",
    "login": "account",
    "logout": "account",
    "me": "account",
    "password": "account",
    "imports": "jobs",
    "jobs": "jobs",
    "events": "events",
    "livez": "health",
    "readyz": "health",
    "metrics": "health",
}
_SHARE_S: Final = 2.0
_GONE_S: Final = 10.0
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@lru_cache(maxsize=1024)
def route_class(first_segment: str) -> str:
    """The class of a request by its first path segment; unknown ones are the page."""
    return _CLASSES.get(first_segment, "page")


class Metrics:
    """The counters of one process, in a registry of their own so that two applications in one test do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("twin_http_requests", "Requests answered", ("route", "status"), registry=self.registry)
        self._seconds = Histogram("twin_http_seconds", "Time to the last byte", ("route",), buckets=_BUCKETS, registry=self.registry)
        self.bugs = Counter("twin_http_bugs", "Requests that met an error of ours", registry=self.registry)
        self.subscribers = Gauge("twin_events_subscribers", "Open event streams", registry=self.registry)
        self.dropped = Counter("twin_readers_dropped", "Long answers ended because their reader was slow", registry=self.registry)

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read when the metrics are."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def saw(self, first_segment: str, status: int, seconds: float) -> None:
        """Count one finished request; an event stream's length is not a latency."""
        route = route_class(first_segment)
        self._requests.labels(route, f"{status // 100}xx").inc()
        if route != "events":
            self._seconds.labels(route).observe(seconds)

    def text(self, folder: Path | None = None) -> bytes:
        """Prometheus text of this process, and of those that share `folder`."""
        everybody = CollectorRegistry()
        everybody.register(_Everybody(self.registry, folder))
        return generate_latest(everybody)

    async def share(self, folder: Path) -> None:
        """Leave our numbers in `folder` every few seconds, and take them away at the end."""
        path = folder / f"{os.getpid()}.prom"
        try:
            while True:
                with suppress(OSError):
                    await asyncio.to_thread(_leave, path, generate_latest(self.registry))
                await asyncio.sleep(_SHARE_S)
        finally:
            path.unlink(missing_ok=True)


class _Everybody(Collector):
    """Our own numbers and those other processes left, told apart by the label `process`."""

    def __init__(self, own: CollectorRegistry, folder: Path | None) -> None:
        self._own = own
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        """Families of all processes, each once."""
        families: dict[str, Metric] = {}
        for process, metrics in self._processes():
            for metric in metrics:
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, {**sample.labels, "process": process}, sample.value)
        return families.values()

    def _processes(self) -> Iterator[tuple[str, Iterable[Metric]]]:
        """Ourselves as we are now, the others as they were a moment ago; those that have gone are left out."""
        yield str(os.getpid()), self._own.collect()
        for path in sorted(self._folder.glob("*.prom")) if self._folder else ():
            with suppress(OSError):
                if path.stem != str(os.getpid()) and time.time() - path.stat().st_mtime < _GONE_S:
                    yield path.stem, text_string_to_metric_families(path.read_text())


def _leave(path: Path, text: bytes) -> None:
    """Write a file that is always whole."""
    path.parent.mkdir(exist_ok=True)
    half = path.with_suffix(".half")
    half.write_bytes(text)
    half.replace(path)
