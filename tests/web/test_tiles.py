"""The tiles' door as clients meet it: statuses, headers, caching, who sees what, and addresses that are refused with their place."""

import asyncio
import gzip
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import mapbox_vector_tile
import psycopg
import pytest
import pytest_asyncio

from postgis.connect import IMPORTER, SERVER, SUPERUSER, Database, connect
from postgis.pool import HotPool
from postgis.statement import Statement
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, put_rows, square
from tiles.vector import VectorTiles
from twin.errors import Unavailable
from twin.layer import Access, Layer
from twin.settings import Settings
from twin.view import EVERYTHING, PUBLIC, Scope
from web.app import build, rest_of
from web.deps import House
from web.front import Front
from web.tile_memo import TileMemo
from web.tiles import TileApp

HERE = "/tiles/建筑/14/13382/7138"
NEAR = "/tiles/建筑/15/26764/14277"
MVT = "application/vnd.mapbox-vector-tile"


async def scope_by_header(request: Mapping[str, Any], _: str) -> Scope:
    """Stands for the accounts, which have tests of their own: the key names the scope."""
    key = dict(request["headers"]).get(b"x-api-key", b"")
    return {b"all": EVERYTHING, b"bound": Scope(EVERYTHING.access, ("440306",))}.get(key, PUBLIC)


@pytest.fixture(scope="module")
def layer(database: Database) -> Layer:
    rows = [Row(square(114.0550, 22.5400), {"高度": i}, class_="住宅", division="440305" if i else "440306") for i in range(60)]
    secret = Layer(number=0, id="secret", title_zh="内", access=Access.INTERNAL, fields=BUILDING_FIELDS)
    put_layer(database, secret, [Row(square(114.0550, 22.5400))])
    put_layer(database, Layer(number=0, id="bare", title_zh="无字段"), [Row("POINT(114.055 22.54)")])
    put_layer(database, Layer(number=0, id="small", title_zh="小", fields=BUILDING_FIELDS), [Row(square(114.0550, 22.5400))])
    return put_layer(database, Layer(number=0, id="建筑", title_zh="建筑", min_zoom=3, fields=BUILDING_FIELDS), rows)


@pytest_asyncio.fixture(scope="module")
async def house(database: Database, layer: Layer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    house = build(Settings(home=tmp_path_factory.mktemp("home"), public_url="https://map.example/yzt"), database)
    await house.catalog.start()
    yield house
    await house.served.close()
    await house.catalog.stop()
    await house.pool.close()


@pytest.fixture(scope="module")
def tiles(house: House) -> VectorTiles:
    return house.tiles


@pytest.fixture(scope="module")
def app(house: House) -> Front:
    memo = TileMemo(house.catalog)
    door = TileApp(house.tiles, house.raster, house.served, memo, scope_by_header)
    return Front(door, rest_of(house), house.links, house.metrics, memo.quick)


@pytest_asyncio.fixture(scope="module")
async def client(app: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t", headers={"accept-encoding": "identity"}) as made:
        yield made


def refuse_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, touching the database is a failure."""

    async def fetch(*_: Any, **__: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(HotPool, "fetch", fetch)


@pytest.mark.parametrize("suffix", ["", ".mvt", ".pbf"])
async def test_a_tile(client: httpx.AsyncClient, suffix: str) -> None:
    answer = await client.get(HERE + suffix)
    assert answer.status_code == 200 and answer.headers["content-type"] == MVT
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "content-encoding" not in answer.headers and "x-tile-truncated" not in answer.headers
    assert answer.headers["access-control-allow-origin"] == "*"
    features = mapbox_vector_tile.decode(answer.content)["建筑"]["features"]
    assert len(features) == 60 and features[0]["properties"]["类别"] == "住宅"


async def test_gzip_has_its_own_etag(client: httpx.AsyncClient) -> None:
    plain = await client.get(HERE)
    async with client.stream("GET", HERE, headers={"accept-encoding": "br;q=1, gzip;q=0.5"}) as packed:
        body = b"".join([chunk async for chunk in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(body) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gz"'
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert plain.headers["cache-control"] == "public, max-age=0, must-revalidate"
    small = await client.get(HERE.replace("建筑", "small"), headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in small.headers and not small.headers["etag"].endswith('-gz"')


async def test_not_modified_asks_no_database(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    etag = (await client.get(HERE)).headers["etag"]
    packed = etag[:-1] + '-gz"'
    refuse_fetch(monkeypatch)
    for held, encoding, told in (
        (etag, "identity", etag),
        (f"W/{etag}", "identity", etag),
        (f'"other", {etag}', "identity", etag),
        (packed, "gzip", packed),
        (etag, "gzip", etag),
        ("*", "identity", etag),
    ):
        answer = await client.get(HERE, headers={"if-none-match": held, "accept-encoding": encoding})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", told)
        assert answer.headers["vary"] == "Accept-Encoding" and "cache-control" in answer.headers
    monkeypatch.undo()
    for held, encoding in (('"other"', "identity"), (packed, "identity"), (etag.strip('"'), "identity")):
        assert (await client.get(HERE, headers={"if-none-match": held, "accept-encoding": encoding})).status_code == 200


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    got, head = await client.get(HERE), await client.head(HERE)
    assert head.status_code == 200 and head.content == b""
    for name in ("content-length", "content-type", "etag", "cache-control", "vary"):
        assert head.headers[name] == got.headers[name]


async def test_the_short_way_answers_as_the_long_one(client: httpx.AsyncClient, house: House) -> None:
    """Made, found, and from the memo: the same but for what is each answer's own."""
    path, own = "/tiles/建筑/15/26764/14276", ("x-request-id", "server-timing")
    for headers in ({"accept-encoding": "identity"}, {"accept-encoding": "gzip"}, {"if-none-match": "*"}, {"cookie": "other=1"}):
        answers = [await client.get(path, headers=headers) for _ in range(2)]
        await asyncio.gather(*house.served._improving.values())
        answers.extend([await client.get(path, headers=headers) for _ in range(4)])
        told = [
            {name: value for name, value in answer.headers.items() if name not in (*own, "etag", "content-length")} for answer in answers
        ]
        assert all(one == told[0] for one in told) and len({answer.content for answer in answers}) == 1
        assert len({answer.headers["x-request-id"] for answer in answers}) == 6 and house.served.memory.get(tag_in(answers[-1])) is not None
        named = await client.get(path, headers=headers | {"x-request-id": "abc-12345"})
        assert named.headers["x-request-id"] == "abc-12345"
        head = await client.head(path, headers=headers)
        assert head.headers["etag"] == answers[-1].headers["etag"] and head.status_code == answers[-1].status_code and not head.content
    odd = await client.get(path, headers={"x-request-id": "<script>alert(1)"})
    assert odd.headers["x-request-id"] != "<script>alert(1)"


def tag_in(answer: httpx.Response) -> str:
    return answer.headers["etag"].strip('"').partition("-")[0]


async def test_scopes_keep_apart_in_a_warm_crowd(client: httpx.AsyncClient) -> None:
    """Three kinds of callers ask for the same address at the same time, again and again, with each other's entity tags."""
    keys = ("", "all", "bound")
    first = {key: await client.get(HERE, headers={"x-api-key": key}) for key in keys}
    count = {key: len(mapbox_vector_tile.decode(answer.content)["建筑"]["features"]) for key, answer in first.items()}
    assert count == {"": 60, "all": 60, "bound": 1}

    async def ask(key: str, held: str) -> None:
        headers = {"x-api-key": key} if key else {}
        answer = await client.get(HERE, headers=headers | {"if-none-match": first[held].headers["etag"]})
        assert answer.status_code == (304 if first[held].headers["etag"] == first[key].headers["etag"] else 200)
        assert answer.status_code == 304 or answer.content == first[key].content

    for _ in range(3):
        await asyncio.gather(*(ask(key, held) for key in keys for held in keys for _ in range(10)))


async def test_empty_is_204(client: httpx.AsyncClient) -> None:
    for path in ("/tiles/建筑/14/0/0", "/tiles/建筑/2/3/1", "/tiles/建筑/22/0/0"):
        answer = await client.get(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert "content-type" not in answer.headers and "content-length" not in answer.headers
        again = await client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304


async def test_composite(client: httpx.AsyncClient) -> None:
    answer = await client.get("/tiles/small,建筑/14/13382/7138.mvt")
    assert set(mapbox_vector_tile.decode(answer.content)) == {"small", "建筑"}
    assert answer.headers["etag"] != (await client.get("/tiles/建筑,small/14/13382/7138.mvt")).headers["etag"]


async def test_a_versioned_address_may_be_kept_for_ever(client: httpx.AsyncClient, tiles: VectorTiles) -> None:
    epoch = tiles.catalog.snapshot.layer("建筑", PUBLIC).epoch
    assert epoch > 0
    right = await client.get(f"{HERE}?v={epoch}")
    assert right.headers["cache-control"] == "public, max-age=31536000, immutable"
    for version in (str(epoch - 1), "", "x", "²", "9" * 40):
        answer = await client.get(HERE, params={"v": version})
        assert answer.status_code == 200 and "immutable" not in answer.headers["cache-control"]
    hidden = await client.get(f"/tiles/secret/14/13382/7138?v={epoch}", headers={"x-api-key": "all"})
    assert "immutable" not in hidden.headers["cache-control"]


async def test_what_is_not_public_is_private_and_varies(client: httpx.AsyncClient) -> None:
    path = "/tiles/secret/14/13382/7138"
    mine = await client.get(path, headers={"x-api-key": "all"})
    assert mine.status_code == 200
    assert mine.headers["cache-control"] == "private, max-age=0, must-revalidate"
    assert mine.headers["vary"] == "Accept-Encoding, Authorization, X-API-Key, Cookie"
    others = await client.get(path, headers={"if-none-match": mine.headers["etag"]})
    absent = await client.get("/tiles/absent/14/13382/7138")
    assert others.status_code == absent.status_code == 404
    assert {**others.json(), "request_id": "", "detail": "", "detail_en": ""} == {
        **absent.json(),
        "request_id": "",
        "detail": "",
        "detail_en": "",
    }
    assert (await client.get("/tiles/建筑,secret/14/13382/7138")).status_code == 404


async def test_a_bounded_caller_gets_their_part_and_never_a_shared_copy(client: httpx.AsyncClient) -> None:
    public, bound = await asyncio.gather(client.get(HERE), client.get(HERE, headers={"x-api-key": "bound"}))
    assert len(mapbox_vector_tile.decode(bound.content)["建筑"]["features"]) == 1
    assert bound.headers["cache-control"].startswith("private") and bound.headers["etag"] != public.headers["etag"]
    assert (await client.get(HERE, headers={"x-api-key": "bound", "if-none-match": public.headers["etag"]})).status_code == 200
    unbounded = await client.get(HERE, headers={"x-api-key": "all"})
    assert unbounded.headers["etag"] == public.headers["etag"] and unbounded.headers["cache-control"].startswith("public")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"类别": "住宅"}, 60),
        ({"高度": "7"}, 1),
        ({"高度": "-1e3"}, 0),
        ({"datetime": "2021-01-01T00:00:00Z"}, 60),
        ({"datetime": "../2019-01-01"}, 0),
        ({"datetime": "2021-01-01/.."}, 60),
        ({"plan": "旧改"}, 60),
    ],
)
async def test_narrowed(client: httpx.AsyncClient, query: dict[str, str], count: int) -> None:
    answer = await client.get(HERE, params=query)
    assert answer.status_code == (200 if count else 204)
    assert len(mapbox_vector_tile.decode(answer.content).get("建筑", {"features": []})["features"]) == count


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("bbox=1,2,3,4", "bbox"),
        ("名称=x", "名称"),
        ("raw=1", "raw"),
        ("高度=nan", "高度"),
        ("高度=1_0", "高度"),
        ("高度=٣", "高度"),
        ("高度=1&高度=2", "高度"),
        ("floors=1.5", "floors"),
        ("listed=yes", "listed"),
        ("built=2020-13-45", "built"),
        ("datetime=2020-13-45/..", "datetime"),
        ("datetime=", "datetime"),
        ("plan=", "plan"),
        ("%ff=1", "query"),
        ("类别=%00", "类别"),
    ],
)
async def test_parameters_refused_by_name(client: httpx.AsyncClient, query: str, place: str) -> None:
    answer = await client.get(f"{HERE}?{query}")
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["place"] == place and problem["status"] == 400 and problem["detail"] and problem["detail_en"]
    assert answer.headers["cache-control"] == "no-store"


async def test_a_filter_must_hold_for_every_layer(client: httpx.AsyncClient) -> None:
    assert (await client.get("/tiles/small,建筑/14/13382/7138?高度=7")).status_code == 200
    answer = await client.get("/tiles/bare,建筑/14/13382/7138?高度=7")
    assert (answer.status_code, answer.json()["place"]) == (400, "高度")


@pytest.mark.parametrize(
    ("path", "status", "place"),
    [
        ("/tiles/建筑/14/16384/0", 400, "x"),
        ("/tiles/建筑/14/0/16384", 400, "y"),
        ("/tiles/建筑/23/0/0", 400, "z"),
        ("/tiles/建筑/-1/0/0", 400, "z"),
        ("/tiles/建筑/a/0/0", 400, "z"),
        ("/tiles/建筑/٣/0/0", 400, "z"),
        ("/tiles/建筑/0/0/1e0", 400, "y"),
        ("/tiles/nothing/0/0/0", 404, "layer"),
        ("/tiles/建筑'/0/0/0", 404, "layer"),
        ("/tiles/建筑,建筑/0/0/0", 400, "layers"),
        ("/tiles/" + ",".join(f"l{i}" for i in range(17)) + "/0/0/0", 400, "layers"),
        ("/tiles/,/0/0/0", 400, "layers"),
        ("/tiles//0/0/0", 404, "layer"),
        ("/tiles/建筑/0/0/0.gif", 404, "path"),
        ("/tiles/建筑/0/0/0.mvt.gz", 404, "path"),
        ("/tiles/建筑/0/0", 404, "path"),
        ("/tiles/建筑/0/0/0/0", 404, "path"),
        ("/tiles/建筑", 404, "tileMatrixSet"),
        ("/tiles/", 404, "path"),
        ("/tiles/nothing.json", 404, "layer"),
    ],
)
async def test_addresses_refused_with_their_place(client: httpx.AsyncClient, path: str, status: int, place: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["place"]) == (status, place)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_tiles_are_only_read(client: httpx.AsyncClient, method: str) -> None:
    assert (await client.request(method, HERE)).status_code == 405


async def test_a_database_that_is_away_is_503_and_known_tiles_go_on(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = await client.get(HERE)

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable("the database is away", "数据库暂不可用")

    monkeypatch.setattr(HotPool, "fetch", away)
    answer = await client.get(NEAR, params={"floors": "77"})
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get(NEAR, params={"floors": "78"}, headers={"if-none-match": "*"})).status_code == 304
    assert (await client.get(HERE)).content == kept.content


async def test_ended_backends_are_no_clients_error(client: httpx.AsyncClient, database: Database) -> None:
    """Every backend of the serving role ended five times while tiles are made: only tiles come."""
    stop, numbers, answered = asyncio.Event(), itertools.count(), [0] * 6

    async def reader(column: int) -> set[int]:
        statuses = set()
        while not stop.is_set():
            path = f"/tiles/建筑/14/{13380 + column}/7138"
            statuses.add((await client.get(path, params={"datetime": moment(next(numbers))})).status_code)
            answered[column] += 1
        return statuses

    readers = [asyncio.create_task(reader(number)) for number in range(6)]
    for _ in range(5):
        await asyncio.to_thread(end_backends, database)
        before = list(answered)
        while any(now < then + 2 for now, then in zip(answered, before, strict=True)):  # noqa: ASYNC110  (readers have nothing to tell but numbers)
            await asyncio.sleep(0.01)
    stop.set()
    assert set.union(*await asyncio.gather(*readers)) == {200, 204}


def moment(number: int) -> str:
    """Another one for each number, so that no tile is found ready."""
    return f"2021-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"


def end_backends(database: Database) -> None:
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s AND datname = current_database()"
    with psycopg.connect(database.conninfo(SUPERUSER), autocommit=True) as admin:
        admin.execute(ended, [SERVER])


async def test_a_truncated_tile_says_so(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiles.vector.tile_statement", lambda *_: Statement("SELECT 'x'::bytea, true, ARRAY[true]"))
    for _ in range(3):  # made, found, and from the memo
        answer = await client.get(NEAR, params={"floors": "99"})
        assert answer.headers["x-tile-truncated"] == "1"
    assert "X-Tile-Truncated" in answer.headers["access-control-expose-headers"]


async def test_the_query_ends_when_its_client_leaves(app: Front, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before a tenth of a second, and only when nobody else waits for the same tile."""
    monkeypatch.setattr("tiles.vector.tile_statement", lambda *_: Statement("SELECT pg_sleep(30)::text::bytea, false, ARRAY[true]"))
    gone, sent = asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    path = "/tiles/建筑/15/26764/14278"
    request = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
    task = asyncio.create_task(app(request, receive, send))
    await asyncio.sleep(0.3)
    assert not task.done()
    gone.set()
    await asyncio.wait_for(task, 10)  # the query itself would take 30
    assert sent == []


async def test_tilejson(client: httpx.AsyncClient, tiles: VectorTiles) -> None:
    answer = await client.get("/tiles/建筑,small.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    made = answer.json()
    epoch = max(tiles.catalog.snapshot.layer(name, PUBLIC).epoch for name in ("建筑", "small"))
    assert made["tiles"] == [f"https://map.example/yzt/tiles/%E5%BB%BA%E7%AD%91,small/{{z}}/{{x}}/{{y}}.mvt?v={epoch}"]
    assert [layer["id"] for layer in made["vector_layers"]] == ["建筑", "small"]
    assert made["bounds"][0] == pytest.approx(114.055) and made["minzoom"] == 0
    path = httpx.URL(made["tiles"][0].format(z=14, x=13382, y=7138)).raw_path.decode().removeprefix("/yzt")
    assert (await client.get(path)).headers["cache-control"].endswith("immutable")
    again = await client.get("/tiles/建筑,small.json", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert (await client.get("/tiles/建筑.json?x=1")).json()["place"] == "x"
    assert (await client.get("/tiles/secret.json")).status_code == 404


async def test_a_change_is_seen_at_once(client: httpx.AsyncClient, database: Database, layer: Layer) -> None:
    before = (await client.get(HERE)).headers["etag"]
    with connect(database, IMPORTER) as importer:
        put_rows(importer, layer.number, [Row(square(114.0570, 22.5420), {"高度": 7})])
    for _ in range(50):
        answer = await client.get(HERE, headers={"if-none-match": before})
        if answer.status_code == 200:
            break
        await asyncio.sleep(0.01)
    assert answer.status_code == 200 and len(mapbox_vector_tile.decode(answer.content)["建筑"]["features"]) == 61
