"""Alive, ready, and what was counted; a server that stops tells its streams to come again."""

import contextlib
import os
import time
from pathlib import Path

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.conftest import Site
from tests.web_server import start_server
from web.metrics import Metrics


def test_live_and_ready(web: httpx.Client) -> None:
    live, ready = web.get("/livez"), web.get("/readyz")
    assert live.status_code == 200 and live.json()["status"] == "ok" and live.headers["cache-control"] == "no-store"
    assert ready.json() == {"status": "ready", "checks": {"database": "ok", "catalogue": "ok", "disk": "ok"}}


def test_metrics(web: httpx.Client) -> None:
    web.get("/collections/houses/items").raise_for_status()
    web.get("/collections/nothing")
    web.get("/tiles/houses/0/0/0").raise_for_status()
    text = web.get("/metrics").text
    for line in (
        'route="features",status="2xx"',
        'status="4xx"',
        'route="tiles"',
        'twin_http_seconds_bucket{le="0.002"',
        "twin_http_requests_total{",
    ):
        assert line in text, line
    values = {line.split("{")[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("twin_")}
    assert values["twin_pool_size"] == 2 and values["twin_catalogue_ready"] == 1 and values["twin_catalogue_epoch"] > 0
    assert values["twin_http_bugs_total"] == 0 and "houses" not in text and "nothing" not in text


def test_any_process_answers_for_all(tmp_path: Path) -> None:
    """Two more processes left their numbers: one a moment ago, one is long gone."""
    other, mine = Metrics(), Metrics()
    other.saw("tiles", 200, 0.001)
    mine.saw("tiles", 200, 0.003)
    (tmp_path / "7.prom").write_bytes(generate_latest(other.registry))
    (tmp_path / "8.prom").write_bytes(generate_latest(other.registry))
    os.utime(tmp_path / "8.prom", (1, 1))
    (tmp_path / "9.half").write_text("half a file")
    text = mine.text(tmp_path).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    counted = {
        sample.labels["process"]: sample.value for sample in families["twin_http_requests"].samples if sample.labels["route"] == "tiles"
    }
    assert counted == {str(os.getpid()): 1, "7": 1} and text.count("# TYPE twin_http_seconds histogram") == 1


def test_stopping_ends_streams_and_takes_little_time(site: Site, tmp_path: Path) -> None:
    with start_server(site.database, tmp_path) as server, httpx.stream("GET", server.url + "/events") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")
        started = time.monotonic()
        server.process.terminate()
        with contextlib.suppress(httpx.RemoteProtocolError):
            list(lines)
        server.process.wait(10)
        assert time.monotonic() - started < 5
