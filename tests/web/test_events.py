"""Events as a browser reads them: in commit order, resumable by number, only what the reader may know."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from postgis.connect import EDITOR, IMPORTER, Database, connect
from postgis.jobs import JobRequest, submit
from postgis.outbox import Event
from tests.tile_scene import Row, put_rows, square
from tests.web.conftest import Site, problem_of
from web.events import _next


class Reader:
    """One open stream and the events it brought so far."""

    def __init__(self, response: httpx.Response) -> None:
        self.events: list[dict[str, Any]] = []
        self._lines = response.iter_lines()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        block: dict[str, str] = {}
        try:
            for line in self._lines:
                name, _, value = line.partition(": ")
                if line.startswith("data: "):
                    self.events.append({**json.loads(value), "event": block["event"], "id": int(block["id"])})
                elif name in ("id", "event"):
                    block[name] = value
        except (httpx.HTTPError, httpx.StreamError):
            pass

    def wait(self, count: int, patience_s: float = 5) -> list[dict[str, Any]]:
        """The events once there are `count`, or what there is when patience ends."""
        deadline = time.monotonic() + patience_s
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        return list(self.events)


@contextmanager
def listening(client: httpx.Client, query: str = "", **headers: str) -> Iterator[Reader]:
    with client.stream("GET", "/events" + query, headers={name.replace("_", "-"): value for name, value in headers.items()}) as response:
        assert response.status_code == 200 and response.headers["content-type"].startswith("text/event-stream")
        yield Reader(response)
        # Closing is not enough while the other thread waits for bytes: the server would not be told.
        response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)


def write(site: Site, number: int) -> None:
    """One row more in a layer."""
    with connect(site.database, IMPORTER) as connection:
        put_rows(connection, number, [Row(square(113.9, 22.6), name="新")])


def submit_job(database: Database) -> None:
    """A job that nobody runs: its event is for people signed in."""
    with connect(database, EDITOR) as connection:
        submit(connection, JobRequest("import", created_by="test"))


def test_a_change_arrives_at_once(site: Site, web: httpx.Client) -> None:
    with listening(web) as reader:
        time.sleep(0.2)
        seconds = []
        for count in range(1, 6):
            started = time.monotonic()
            write(site, site.traffic.number)
            event = reader.wait(count, 20)[-1]
            seconds.append(time.monotonic() - started)
            assert event["topic"] == event["event"] == "layer" and event["payload"] == {"layer": "traffic"} and event["id"] == event["seq"]
            assert event["cells"]
        assert min(seconds) < 0.5


def test_a_reader_resumes_where_it_was(site: Site, web: httpx.Client) -> None:
    with listening(web) as reader:
        time.sleep(0.2)
        for _ in range(3):
            write(site, site.traffic.number)
        first = reader.wait(3)[0]["seq"]
    write(site, site.traffic.number)
    with listening(web, Last_Event_ID=str(first)) as reader:
        time.sleep(0.2)
        write(site, site.traffic.number)
        seen = [event["seq"] for event in reader.wait(4)]
    assert len(seen) == 4 and seen == sorted(set(seen)) and seen[0] > first


def test_hidden_layers_and_jobs_are_not_told(site: Site, web: httpx.Client, program: httpx.Client) -> None:
    with listening(web) as stranger, listening(program) as insider:
        time.sleep(0.2)
        write(site, site.secret.number)
        submit_job(site.database)
        write(site, site.traffic.number)
        assert [(e["topic"], e["payload"].get("layer")) for e in insider.wait(3)] == [
            ("layer", "secret"),
            ("job", None),
            ("layer", "traffic"),
        ]
        assert [e["payload"].get("layer") for e in stranger.wait(1)] == ["traffic"]
        time.sleep(0.1)
        assert len(stranger.events) == 1


def test_topics(site: Site, program: httpx.Client) -> None:
    with listening(program, "?topics=job,product") as reader:
        time.sleep(0.2)
        write(site, site.traffic.number)
        submit_job(site.database)
        assert [event["topic"] for event in reader.wait(1)] == ["job"]


def test_an_overview_is_told_apart_from_the_rows(site: Site, web: httpx.Client) -> None:
    with listening(web) as reader, connect(site.database, IMPORTER) as connection:
        time.sleep(0.2)
        cell = 12 << 48 | 768 << 24 | 3344
        connection.execute("""SELECT twin.emit('overview', '{"layer": "traffic"}', %s, ARRAY[%s::bigint])""", [site.traffic.number, cell])
        connection.commit()
        [event] = reader.wait(1)
    assert (event["topic"], event["event"], event["cells"], event["payload"]) == ("overview", "overview", [cell], {"layer": "traffic"})


def test_a_number_from_the_future_means_now(site: Site, web: httpx.Client) -> None:
    with listening(web, Last_Event_ID="9007199254740991") as reader:
        time.sleep(0.2)
        write(site, site.traffic.number)
        assert len(reader.wait(1)) == 1


@pytest.mark.parametrize("last", ["", "abc", "-1", "1.5", "9" * 400, "1e3"])
def test_odd_numbers(web: httpx.Client, last: str) -> None:
    assert problem_of(web.get("/events", headers={"Last-Event-ID": last}), 400)["place"] == "Last-Event-ID"


def test_head_of_a_stream_ends(web: httpx.Client) -> None:
    answer = web.head("/events")
    assert answer.status_code == 200 and not answer.content


def test_many_writers_no_event_is_missed(site: Site, web: httpx.Client) -> None:
    """Six writers and a slow transaction: everything committed arrives, in order, although it was numbered late."""
    with listening(web) as reader:
        time.sleep(0.2)
        slow = threading.Thread(target=_write_slowly, args=(site,))
        quick = [threading.Thread(target=lambda: [write(site, site.traffic.number) for _ in range(10)]) for _ in range(6)]
        for thread in (slow, *quick):
            thread.start()
        for thread in (slow, *quick):
            thread.join()
        seen = [event["seq"] for event in reader.wait(61, 10)]
    assert len(seen) == 61 and seen == sorted(set(seen))


def _write_slowly(site: Site) -> None:
    with connect(site.database, IMPORTER) as connection:
        put_rows(connection, site.traffic.number, [Row(square(113.9, 22.6))])
        time.sleep(1.5)


def test_a_reader_that_does_not_read_is_let_go(site: Site, web: httpx.Client) -> None:
    """Ten seconds without taking a byte and it is dropped, while a quick reader gets everything."""
    with socket.create_connection(("127.0.0.1", site.server.port)) as slow, listening(web) as quick:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        before = gauge(web, "twin_readers_dropped_total")
        assert gauge(web, "twin_events_subscribers") == 2
        for batch in range(1, 61):
            with connect(site.database, IMPORTER) as connection:
                connection.execute("SELECT twin.emit('product', jsonb_build_object('pad', repeat('x', 8000))) FROM generate_series(1, 20)")
            assert len(quick.wait(20 * batch, 20)) == 20 * batch
        deadline = time.monotonic() + 20
        while gauge(web, "twin_events_subscribers") > 1 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert gauge(web, "twin_events_subscribers") == 1 and gauge(web, "twin_readers_dropped_total") == before + 1


def gauge(web: httpx.Client, name: str) -> float:
    """A number of the one process there is."""
    line = next(line for line in web.get("/metrics").text.splitlines() if line.startswith(name + "{"))
    return float(line.rsplit(" ", 1)[1])


@pytest.mark.parametrize("turns", range(6))
async def test_an_end_that_comes_together_with_an_event_is_not_forgotten(turns: int) -> None:
    queue: asyncio.Queue[Event | None] = asyncio.Queue(1)
    waiting = asyncio.create_task(_next(queue, 30))
    await asyncio.sleep(0.01)
    await queue.put(None)
    for _ in range(turns):
        await asyncio.sleep(0)
    came_in_time = waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() == came_in_time
    assert queue.empty() != came_in_time  # what was not handed over is still there


async def test_nothing_in_time_is_told() -> None:
    with pytest.raises(TimeoutError):
        await _next(asyncio.Queue(1), 0.01)
