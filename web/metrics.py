"""What a process counts about itself, in Prometheus text; labels are route classes and never names or addresses."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
        self.dropped = Counter("twin_events_dropped", "Event streams ended because the reader was slow", registry=self.registry)

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A gauge whose value is read when the metrics are."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def saw(self, first_segment: str, status: int, seconds: float) -> None:
        """Count one finished request; an event stream's length is not a latency."""
        route = route_class(first_segment)
        self._requests.labels(route, f"{status // 100}xx").inc()
        if route != "events":
            self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """Prometheus exposition text."""
        return generate_latest(self.registry)
