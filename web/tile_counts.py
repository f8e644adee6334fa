"""What the tiles' cache counts about itself, for /metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from tiles.served import ServedTiles, Source
from web.metrics import Metrics
from web.tile_memo import TileMemo


def watch(metrics: Metrics, served: ServedTiles, memo: TileMemo) -> None:
    """Show the numbers of `served` and `memo` among the metrics."""
    metrics.count(lambda: _families(served, memo))


def _families(served: ServedTiles, memo: TileMemo) -> Iterator[Metric]:
    answers = CounterMetricFamily("twin_tile_answers", "Tiles answered, by where they came from", labels=("source",))
    for source, number in served.counts.answers.items():
        answers.add_metric((str(source),), number + (memo.hits if source is Source.MEMORY else 0))
    yield answers
    yield CounterMetricFamily("twin_tile_shared", "Askers who waited for a tile that was being made already", value=served.counts.shared)
    yield CounterMetricFamily("twin_tile_sent_away", "Askers told to come back, for the tile took too long", value=served.counts.sent_away)
    yield CounterMetricFamily("twin_tile_improved", "Better forms made of tiles that were asked for again", value=served.counts.improved)
    yield GaugeMetricFamily("twin_tile_memory_bytes", "Memory taken by finished tiles", value=served.memory.size)
    yield GaugeMetricFamily("twin_tile_memory_tiles", "Finished tiles in memory", value=len(served.memory))
    yield GaugeMetricFamily("twin_tile_flights", "Tiles on their way", value=served.flights)
    if served.disk is not None:
        yield GaugeMetricFamily("twin_tile_disk_bytes", "Disk taken by finished tiles, of all processes", value=served.disk.size())
