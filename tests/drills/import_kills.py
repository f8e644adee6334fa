"""Imports under every accident: killed at random moments, a full disk, a child without memory, two at once, a cut upload, a restarted database."""

import contextlib
import random
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from unittest import mock

from bench._rows import Result, limited, more
from importers import steps
from importers.options import ImportOptions
from importers.process import reading
from importers.run import import_file, sweep
from layers.accounts import add_key
from postgis.connect import EDITOR, connect
from tests.drills._full_disk import full_disks
from tests.drills._import_ground import Ground, ground, made
from tests.drills._kills import LAYER, Range, Tally, plan, take, version
from tests.drills._load import drill
from tests.drills._looks import ask, leftovers, look, two_states
from tests.drills.restart import kill, restart
from tests.importers import files
from tests.web_server import start_server
from twin.errors import Conflict
from twin.sandbox import Limits

_AT_ONCE = 50
"""Kills in one layer: its history makes imports slower, and the comparison of all versions with each other long."""


def run(quick: bool) -> list[Result]:
    """The whole drill, or the small one."""
    kills, aimed, rows, times = (3, 1, 500, 1) if quick else (200, 60, 3000, 5)
    with ground() as place:
        return [
            *kill_imports(place, kills, aimed, rows),
            *two_at_once(place, 2 * times),
            *no_memory(place),
            *full_disks(place),
            *cut_upload(place, times),
            *database_away(place, times),
        ]


def kill_imports(place: Ground, kills: int, aimed: int, rows: int) -> list[Result]:
    """As many kills as asked; rounds whose victim was done before its time came do not count."""
    dice, tally = random.Random(kills), Tally()
    planned = plan(kills, aimed, dice)
    private = made(place.folder / "private")
    for first in range(0, len(planned), _AT_ONCE):
        layer = LAYER if not first else f"{LAYER}-{first}"
        Range(place.database, private, rows, layer, hard=True, tally=tally).all(planned[first : first + _AT_ONCE], dice)
        print(f"{tally.kills} kills, {tally.finished} rounds were done before; {tally}", file=sys.stderr, flush=True)
    return _told(tally)


def _told(tally: Tally) -> list[Result]:
    """What must be nought, and who was killed, when, doing what."""
    case = f"{tally.kills} × kill -9 of an import"
    counts = {"victim": tally.victims, "step": tally.moments, "task": tally.tasks}
    return [
        limited(f"{case}: half-published versions", "", tally.half_published, 0),
        limited(f"{case}: versions lost, or states known twice", "", tally.lost, 0),
        limited(f"{case}: rounds after which something published could not be found by its name", "", tally.unfindable, 0),
        limited(f"{case}: rounds after which the sweep left something", "", tally.unswept, 0),
        limited(f"{case}: importers that lost a helper and did not say so in Chinese and English", "", tally.wordless, 0),
        *(
            more(f"kills by {what}: {name}", "", count, tally.kills, "all", 0.0)
            for what, of in counts.items()
            for name, count in of.items()
        ),
    ]


def two_at_once(place: Ground, times: int) -> list[Result]:
    """Two imports of different files into one layer at the same moment."""
    wrong = 0
    for at in range(times):
        paths = [version(place.folder / f"two-{side}.geojson", 2 * at + side, 300) for side in (1, 2)]

        def attempt(path: Path) -> str:
            try:
                return str(import_file(place.database, path, ImportOptions(layer="two", key="n", mode="replace")).run)
            except Conflict as refused:
                return refused.place

        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(attempt, paths))
        smallest, largest, count = look(place.database, "two")
        wrong += smallest != largest or count != 300 or set(ends) == {"layer"} or two_states(place.database, "two") > 0
    wrong += len(leftovers(place.database))
    return [limited(f"{times} × two imports into one layer at once: not one whole version, or something left", "", wrong, 0)]


def no_memory(place: Ground) -> list[Result]:
    """A polygon of two million vertices, and a reader that may use too little for it, and less, down to what it needs to start."""
    before, path, wrong = place.state(), files.wide_polygon(place.folder / "wide.geojson"), 0
    ceilings = range(100, 1000, 300)
    for ceiling_mb in ceilings:
        with mock.patch.object(steps, "reading", partial(reading, limits=Limits(memory_bytes=ceiling_mb << 20))):
            wrong += place.refused(path, place.folder) + len(leftovers(place.database)) + (place.state() != before)
    path.unlink()
    return [limited(f"{len(ceilings)} × a reader out of memory: not refused with a reason, or something left or changed", "", wrong, 0)]


def cut_upload(place: Ground, times: int) -> list[Result]:
    """A client that goes away in the middle of its upload: no file, no job."""
    home = made(place.folder / "home")
    with connect(place.database, EDITOR) as connection:
        key = add_key(connection, "drill")
        connection.commit()
    with start_server(place.database, home) as server:
        for at in range(times):
            _cut(server.port, key, sent=(at + 1) * 300_000 // times)
        deadline = time.monotonic() + 10
        while (left := _uploads(home)) and time.monotonic() < deadline:
            time.sleep(0.1)
        with server.client() as client:
            alive = client.get("/readyz").status_code == 200
    jobs = ask(place.database, "SELECT count(*) FROM twin.job WHERE kind = 'import'")[0][0]
    return [limited(f"{times} × an upload cut off: files or jobs left, or a server that died", "", len(left) + jobs + (not alive), 0)]


def database_away(place: Ground, times: int) -> list[Result]:
    """The database restarts, or is killed, in the middle of an import."""
    dice, half, unswept, hit = random.Random(5), 0, 0, 0
    for at in range(2 * times):
        before, path = place.state(), version(place.folder / "victim.geojson", 9100 + at, 400)
        whole = (9100 + at, 9100 + at, 400)
        accident = threading.Timer(dice.uniform(0.05, 0.8), restart if at % 2 else kill, [place.cluster])
        accident.start()
        with contextlib.suppress(Exception):
            take(place.database, path)
        accident.join()
        place.cluster.ensure()
        half += place.state() not in {before, whole}
        hit += place.state() == before
        sweep(place.database)
        unswept += len(leftovers(place.database))
    took = take(place.database, version(place.folder / "victim.geojson", 9999, 400))
    case = f"{2 * times} × the database restarted or killed during an import ({hit} of them stopped it)"
    return [
        limited(f"{case}: half-published versions", "", half + (took.published != 400) + two_states(place.database, LAYER), 0),
        limited(f"{case}: runs or tables left after the sweep", "", unswept, 0),
    ]


def _cut(port: int, key: str, sent: int) -> None:
    """Send the head and a part of an upload, then hang up."""
    head = (
        f"POST /imports HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Length: 400000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.geojson"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + b"x" * sent)
        time.sleep(0.2)


def _uploads(home: Path) -> list[Path]:
    return [path for path in (home / "blobs").rglob("*") if path.is_file()]


if __name__ == "__main__":
    sys.exit(drill(__doc__, run))
