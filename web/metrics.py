"""What the web processes count about themselves, in Prometheus text; labels are route classes and never names or addresses.

Each process leaves its numbers in a folder, so that whichever is asked answers for all: one series for each process.
"""

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Metric, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]

_CLASSES: Final = {
    "tiles": "tiles",
    "collections": "features",
    "ogc": "features",
    "conformance": "features",
    "products": "catalogue",
    "capabilities": "catalogue",
    "records": "catalogue",
    "p": "catalogue",
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
        self._requests = _Requests()
        self.registry.register(self._requests)
        self.bugs = Counter("twin_http_bugs", "Requests that met an error of ours", registry=self.registry)
        self.subscribers = Gauge("twin_events_subscribers", "Open event streams", registry=self.registry)
        self.dropped = Counter("twin_readers_dropped", "Long answers ended because their reader was slow", registry=self.registry)

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read when the metrics are."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def count(self, families: Callable[[], Iterable[Metric]]) -> None:
        """Families that are put together when the metrics are asked for: counting them costs no lock."""
        self.registry.register(_Counted(families))

    def saw(self, first_segment: str, status: int, seconds: float) -> None:
        """Count one finished request; an event stream's length is not a latency."""
        self._requests.saw(route_class(first_segment), status // 100, seconds)

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


class _Requests(Collector):
    """Requests by route and status, and their times: plain numbers of the event loop, for a lock would cost as much as finding a tile."""

    def __init__(self) -> None:
        self._answered: dict[tuple[str, int], int] = {}
        self._times: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def saw(self, route: str, status: int, seconds: float) -> None:
        """Count one request of the status class `status` (2 for 200 to 299)."""
        key = (route, status)
        self._answered[key] = self._answered.get(key, 0) + 1
        if route != "events":
            times = self._times.get(route)
            if times is None:
                times = self._times[route] = [0] * (len(_BUCKETS) + 1)
            times[bisect_left(_BUCKETS, seconds)] += 1
            self._seconds[route] = self._seconds.get(route, 0.0) + seconds

    def describe(self) -> Iterable[Metric]:
        """The names."""
        yield CounterMetricFamily("twin_http_requests", "Requests answered", labels=("route", "status"))
        yield HistogramMetricFamily("twin_http_seconds", "Time to the last byte", labels=("route",))

    def collect(self) -> Iterable[Metric]:
        """The numbers now."""
        requests, seconds = self.describe()
        for (route, status), number in sorted(self._answered.items()):
            requests.add_metric((route, f"{status}xx"), number)  # type: ignore[attr-defined]
        for route, times in sorted(self._times.items()):
            below = zip((*map(str, _BUCKETS), "+Inf"), accumulate(times), strict=True)
            seconds.add_metric((route,), list(below), self._seconds[route])  # type: ignore[attr-defined]
        return requests, seconds


class _Counted(Collector):
    """Somebody else's numbers."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        """Nothing yet: names are known when there is something to tell."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The families now."""
        return self._families()


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
