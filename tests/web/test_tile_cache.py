"""The cache of tiles around real servers: shared by a host, kept over restarts and kills, behind a caching proxy, and never for other eyes."""

import getpass
import gzip
import http.client
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import brotli
import httpx
import mapbox_vector_tile
import psycopg
import pytest
from backports import zstd

from layers.accounts import add_key, revoke_key
from postgis.connect import EDITOR, IMPORTER, SERVER, SUPERUSER, Database, connect
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, put_rows, square
from tests.web_server import free_port, start_server
from twin.layer import Access, Layer

HERE = "/tiles/houses/14/13382/7138"
GUARDED = "/tiles/guarded/14/13382/7138"
UNPACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress}
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CONFIG = """
daemon off; user {user}; worker_processes 1; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; proxy_cache_path {home}/cache keys_zone=tiles:1m;
  client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{ proxy_pass http://127.0.0.1:{upstream}; proxy_cache tiles; add_header X-Cache $upstream_cache_status always; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Scene:
    database: Database
    houses: Layer
    key: str


@pytest.fixture(scope="module")
def scene(make_database: Callable[[], Database]) -> Scene:
    database = make_database()
    rows = [Row(square(114.0550 + i / 30000, 22.5400), {"高度": i}, class_="住宅") for i in range(200)]
    houses = put_layer(database, Layer(number=0, id="houses", title_zh="房屋", fields=BUILDING_FIELDS, geometry_type="Polygon"), rows)
    put_layer(database, Layer(number=0, id="guarded", title_zh="内部", access=Access.INTERNAL, fields=BUILDING_FIELDS), rows[:100])
    with connect(database, EDITOR) as connection:
        return Scene(database, houses, add_key(connection, "reader"))


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    wire: bytes

    @property
    def body(self) -> bytes:
        """Unpacked."""
        return UNPACK[self.headers.get("content-encoding", "")](self.wire)

    @property
    def source(self) -> str:
        """Where the server says it found the tile."""
        return self.headers["server-timing"].split('"')[1]

    @property
    def houses(self) -> int:
        return len(mapbox_vector_tile.decode(self.body)["houses"]["features"])


def get(port: int, path: str = HERE, encoding: str = "gzip", **headers: str) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", path, headers={"Accept-Encoding": encoding} | {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return Got(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def until(found: Callable[[], bool], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def written(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / "cache" / "tiles").glob("*.tiles"))


def kept(home: Path) -> list[Path]:
    return sorted((home / "cache" / "tiles").glob("*.tiles"))


def test_the_hosts_processes_share_a_tile_and_a_restart_keeps_it(scene: Scene, tmp_path: Path) -> None:
    with start_server(scene.database, tmp_path) as one, start_server(scene.database, tmp_path) as two:
        first = get(one.port)
        assert first.source == "made" and get(one.port).source == "memory"
        until(lambda: len(kept(tmp_path)) > 0 and kept(tmp_path)[0].stat().st_size > 1000)
        second = get(two.port)
        assert (second.source, second.body) == ("disk", first.body)
        assert second.headers["etag"].split("-")[0] == first.headers["etag"].split("-")[0]
    with start_server(scene.database, tmp_path) as again:
        assert get(again.port).source == "disk" and get(again.port).body == first.body
        metrics = httpx.get(again.url + "/metrics").text
        assert "twin_tile_answers_total{process=" in metrics and "twin_tile_disk_bytes" in metrics


def test_killed_while_it_keeps_tiles_and_a_damaged_file(scene: Scene, tmp_path: Path) -> None:
    paths = [f"{HERE}?floors={number}&v={number}" for number in range(40)] + [
        f"/tiles/houses/{z}/{13382 >> 14 - z}/{7138 >> 14 - z}" for z in range(9, 14)
    ]
    right = {}
    for round_ in range(3):
        with start_server(scene.database, tmp_path) as server:
            for path in paths:
                got = get(server.port, path)
                assert got.status in (200, 204) and right.setdefault(path, got.body) == got.body
            if round_ < 2:
                server.process.kill()
                server.process.wait()
        rng = random.Random(round_)
        for path in kept(tmp_path):
            data = bytearray(path.read_bytes())
            start = rng.randrange(len(data))
            data[start : start + 200] = rng.randbytes(min(200, len(data) - start))
            path.write_bytes(data[: rng.randrange(len(data) // 2, len(data))])


def test_two_hosts_on_one_database_both_see_an_edit(scene: Scene, tmp_path: Path) -> None:
    homes = [tmp_path / "a", tmp_path / "b"]
    for home in homes:
        home.mkdir()
    with start_server(scene.database, homes[0]) as one, start_server(scene.database, homes[1]) as two:
        before, far = get(one.port).houses, "/tiles/houses/14/13300/7138"
        for server in (one, two, one, two):
            assert get(server.port).houses == before and get(server.port, far).status == 204
        tags = get(one.port, far).headers["etag"]
        with connect(scene.database, IMPORTER) as importer:
            put_rows(importer, scene.houses.number, [Row(square(114.0570, 22.5420), {"高度": 7})])
        for server in (one, two):
            until(lambda server=server: get(server.port).houses == before + 1)
            assert get(server.port, far).headers["etag"] == tags, "what the edit did not touch stays"


@contextmanager
def caching_proxy(home: Path, upstream: int) -> Iterator[int]:
    """nginx that keeps what it may."""
    home.mkdir()
    home.chmod(0o777)
    port = free_port()
    (home / "nginx.conf").write_text(CONFIG.format(user=getpass.getuser(), home=home, port=port, upstream=upstream))
    process = subprocess.Popen([str(NGINX), "-e", str(home / "start.log"), "-p", str(home), "-c", str(home / "nginx.conf")])

    def answers() -> bool:
        try:
            return get(port, "/livez").status == 200
        except OSError:
            return False

    try:
        until(answers)
        yield port
    finally:
        process.terminate()
        process.wait(10)


ENCODINGS = ["", "identity", "gzip", "br", "zstd", "gzip, deflate, br, zstd", "gzip;q=0, *", "br;q=0, gzip", "nonsense", "*"]


def test_every_form_behind_a_caching_proxy(scene: Scene, tmp_path: Path) -> None:
    with start_server(scene.database, tmp_path) as server, caching_proxy(tmp_path / "nginx", server.port) as proxy:
        layer = httpx.get(server.url + "/tiles/houses.json").json()["tiles"][0]
        path = HERE + "?v=" + layer.rsplit("=", 1)[1]
        right = get(server.port, path, "identity").body
        for encoding in ("br", "zstd", "gzip", "identity"):
            until(lambda encoding=encoding: get(server.port, path, encoding).headers.get("content-encoding", "identity") == encoding)
        seen: dict[str, bytes] = {}
        for _ in range(2):
            for encoding in random.sample(ENCODINGS, len(ENCODINGS)):
                got = get(proxy, path, encoding)
                name = got.headers.get("content-encoding", "identity")
                assert got.status == 200 and got.body == right and got.headers["vary"] == "Accept-Encoding"
                assert name in ("identity", *encoding.replace(";q=0, *", "").split(", ")) or "*" in encoding, (encoding, name)
                assert seen.setdefault(got.headers["etag"], got.wire) == got.wire, "one entity tag, two bodies"
        assert len(seen) >= 4 and all(get(proxy, path, encoding).headers["x-cache"] == "HIT" for encoding in ENCODINGS)
        for tag in seen:
            assert get(server.port, path, "gzip, br, zstd", If_None_Match=tag).status == 304


def test_a_proxy_keeps_nothing_that_is_not_public_and_a_revoked_key_opens_nothing(scene: Scene, tmp_path: Path) -> None:
    with connect(scene.database, EDITOR) as connection:
        key = add_key(connection, "short-lived")
    with start_server(scene.database, tmp_path) as server, caching_proxy(tmp_path / "nginx", server.port) as proxy:
        for port in (server.port, proxy):
            for _ in range(3):
                mine = get(port, GUARDED, X_API_Key=key)
                assert mine.status == 200 and mine.headers["cache-control"].startswith("private") and "X-API-Key" in mine.headers["vary"]
                known = get(port, GUARDED, X_API_Key=key, If_None_Match=mine.headers["etag"])
                assert known.status == (304 if port == server.port else 200), "nginx asks for the whole when it may cache"
                assert get(port, GUARDED).status == get(port, GUARDED, If_None_Match=mine.headers["etag"]).status == 404
                assert get(port, GUARDED, Cookie="twin_session=x").status == 404
            for path in (
                "/guarded_w/wmts?service=WMTS&request=GetTile&layer=guarded&tilematrixset=w&tilematrix=14&tilerow=7138&tilecol=13382&format=mvt",
            ):
                assert get(port, f"{path}&tk={key}").status == 200 and get(port, f"{path}&tk=abcdef").status == 400
        with connect(scene.database, EDITOR) as connection:
            revoke_key(connection, "short-lived")
        until(lambda: get(server.port, GUARDED, X_API_Key=key).status == 401)
        for headers in ({"X_API_Key": key}, {"X_API_Key": key, "If_None_Match": mine.headers["etag"]}):
            assert get(server.port, GUARDED, **headers).status == get(proxy, GUARDED, **headers).status == 401
        assert get(server.port, GUARDED, X_API_Key=scene.key).status == 200


@contextmanager
def locked(scene: Scene) -> Iterator[None]:
    """The rows of the houses cannot be read: whoever asks waits."""
    find = "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'twin' AND tablename ~ %s"
    with psycopg.connect(scene.database.conninfo(SUPERUSER)) as admin:
        for (table,) in admin.execute(find, [f"_{scene.houses.number}$"]).fetchall():
            admin.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield
        admin.rollback()


def queries(scene: Scene) -> int:
    """Queries of the serving role that wait for a lock."""
    text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(scene.database.conninfo(SUPERUSER)) as admin:
        found = admin.execute(text, [f"yuetu {SERVER}"]).fetchone()
        assert found is not None
        return int(found[0])


def test_who_hangs_up_ends_the_query(scene: Scene, tmp_path: Path) -> None:
    with start_server(scene.database, tmp_path) as server:
        get(server.port)
        with locked(scene):
            callers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
            for caller in callers:
                caller.sendall("GET /tiles/houses/14/13382/7138?floors=3 HTTP/1.1\r\nHost: x\r\n\r\n".replace("houses", "houses").encode())
            until(lambda: queries(scene) == 1)
            callers[0].close()
            time.sleep(0.5)
            assert queries(scene) == 1, "the other still waits"
            callers[1].close()
            until(lambda: queries(scene) == 0, 4)


def test_an_old_tile_only_while_the_new_one_keeps_people_waiting(scene: Scene, tmp_path: Path) -> None:
    with start_server(scene.database, tmp_path) as server:
        before = get(server.port)
        with connect(scene.database, IMPORTER) as importer:
            put_rows(importer, scene.houses.number, [Row(square(114.0580, 22.5430), {"高度": 7})])
        with locked(scene):
            until(lambda: "x-tile-stale" in get(server.port).headers)
            old = get(server.port)
            assert old.houses == before.houses and old.headers["cache-control"] == "no-cache"
            assert old.headers["etag"].partition("-")[0] == before.headers["etag"].partition("-")[0], (
                "the same version, perhaps packed better by now"
            )
            assert get(server.port, HERE.replace("7138", "7139")).status == 503
        until(lambda: "x-tile-stale" not in get(server.port).headers)
        assert get(server.port).houses == before.houses + 1
