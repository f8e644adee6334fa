"""Alive, ready, and what was counted; a server that stops tells its streams to come again."""

import contextlib
import time
from pathlib import Path

import httpx

from tests.web.conftest import Site
from tests.web_server import start_server


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
        'twin_http_requests_total{route="features",status="2xx"}',
        'status="4xx"',
        'route="tiles"',
        'twin_http_seconds_bucket{le="0.002",route=',
    ):
        assert line in text, line
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("twin_"))
    assert float(values["twin_pool_size"]) == 2 and float(values["twin_catalogue_ready"]) == 1 and float(values["twin_catalogue_epoch"]) > 0
    assert float(values["twin_http_bugs_total"]) == 0 and "houses" not in text and "nothing" not in text


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
