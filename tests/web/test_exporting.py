"""The export door: every format has the rows that items have, its budgets hold, and nothing stays when its reader leaves."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pyarrow.parquet as pq
import pyogrio
import pytest

from layers.export.process import FileLimits, write_in_child
from layers.export.request import FileRequest
from postgis.connect import SERVER, SUPERUSER, Database, connect
from postgis.pool import OutOfTime, scope_setting
from tests.export_scene import HARD, READERS, Formats, opened, read_csv, start_formats
from tests.tile_scene import Row, put_layer
from tests.web.conftest import problem_of
from twin.errors import TooLarge, Unavailable
from twin.layer import Access, Layer
from twin.sheet import Sheet
from twin.view import PUBLIC
from web import budgets

GRID = "http://www.opengis.net/def/crs/EPSG/0/4547"
WIDE = 60_000


@pytest.fixture(scope="module")
def formats(make_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Formats]:
    with start_formats(make_database(), tmp_path_factory.mktemp("home")) as made:
        wide = made.site.put(Layer(number=0, id="wide", title_zh="宽", geometry_type="Polygon"), [])
        made.site.write(
            f"""INSERT INTO twin.object_{wide.number} (oid, geom, valid, sys, source, source_key)
            SELECT ({wide.number}::bigint << 40) + i, ST_Buffer(ST_SetSRID(ST_Point(113 + i / 1e5, 22), 4490), 0.001, 10),
                   tstzrange('2020-01-01', NULL), tstzrange(now(), NULL), 's', i::text FROM generate_series(1, {WIDE}) i"""
        )
        yield made


def as_flatgeobuf(rows: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """The format knows instants only: a day begins at midnight."""
    return {oid: {**row, "日": row["日"] and row["日"] + "T00:00:00Z"} for oid, row in rows.items()}


@pytest.mark.parametrize("format_", READERS)
def test_every_format_has_the_rows_of_items(formats: Formats, format_: str) -> None:
    wanted = formats.items()
    assert len(wanted) == len(HARD) + 1
    assert formats.export(format_) == (as_flatgeobuf(wanted) if format_ == "fgb" else wanted)


@pytest.mark.parametrize("format_", READERS)
def test_the_questions_of_items_are_the_questions_of_exports(formats: Formats, format_: str) -> None:
    asked = {
        "filter": "整 > 9007199254740993 AND 名称 <> 'x'",
        "bbox": "113.2,22,113.95,23",
        "properties": "名称,整",
        "datetime": "2025-06-01",
        "known_at": "2999-01-01T00:00:00Z",
    }
    wanted = formats.items(**asked)
    assert 2 < len(wanted) < 12 and all(set(row) == {"名称", "整", "valid", "shape"} for row in wanted.values())
    assert formats.export(format_, **asked) == wanted


@pytest.mark.parametrize("format_", READERS)
def test_nothing_found_is_a_whole_file_without_rows(formats: Formats, format_: str) -> None:
    assert formats.export(format_, bbox="1,1,2,2") == {}


def test_a_table_has_the_same_rows_and_none_of_its_cells_is_a_formula(formats: Formats) -> None:
    rows = read_csv(formats.get("csv").content)
    wanted = formats.items()
    header = list(rows[0])
    assert header[:2] == ["oid_", "名称"] and header[-3:] == ["valid_from", "valid_to", "wkt"] and '\'=列 "$1" :x' in header
    assert len(rows) == len(wanted)
    for row in rows:
        known = wanted[int(row["oid_"])]
        name = known["名称"] or ""
        assert row["名称"] in (name, "'" + name)
        assert row["名称"].lstrip()[:1] not in ("=", "@", "＝", "+", "-") or row["名称"] in ("-3.5", "+86")
        assert row["数"] == ("" if known["数"] is None else str(known["数"]))
        assert row["真"] == {None: "", True: "true", False: "false"}[known["真"]]
        assert (row["日"] or None) == known["日"] and (row["时"] or None) == known["时"]
        assert row["valid_to"] == (known["valid"][1] or "")
    assert {row["数"] for row in rows} >= {"-1.25", "-3.75"}


def test_points_have_columns_of_their_own(formats: Formats) -> None:
    rows = read_csv(formats.get("csv", "things", 楼层=1).content)
    assert {tuple(row)[-2:] for row in rows} == {("lon", "lat")} and (rows[0]["lon"], rows[0]["lat"]) == ("113.01", "22.5")
    metres = read_csv(formats.get("csv", "things", 楼层=1, crs=GRID).content)[0]
    assert 3e5 < float(metres["x"]) < 5e5 and 2.4e6 < float(metres["y"]) < 2.6e6


def test_order(formats: Formats) -> None:
    asked = {"sortby": "-楼层,高度"}
    with formats.site.client as client:
        paged = [one["id"] for one in client.get("/collections/things/items", params=asked | {"limit": 1000}).json()["features"]]
    assert [int(row["oid"]) for row in read_csv(formats.get("csv", "things", **asked).content)] == paged
    assert list(formats.export("parquet", "things", **asked)) == paged


@pytest.mark.parametrize(("format_", "code"), [("fgb", "EPSG:4547"), ("gpkg", "EPSG:4547"), ("parquet", "EPSG:4547")])
def test_files_say_their_system_and_have_the_easting_first(formats: Formats, format_: str, code: str) -> None:
    named, bounds = opened(formats.get(format_, crs=GRID).content, format_)
    assert named == code and 3e5 < bounds[0] < bounds[2] < 7e5 and 2.4e6 < bounds[1] < bounds[3] < 2.6e6


def test_geoparquet_metadata(formats: Formats, tmp_path: Any) -> None:
    path = tmp_path / "hard.parquet"
    path.write_bytes(formats.get("parquet").content)
    geo = json.loads(pq.read_metadata(path).metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert geo["version"] == "1.1.0" and geo["primary_column"] == "geometry_"
    assert (
        column["encoding"] == "WKB"
        and column["geometry_types"] == ["Polygon"]
        and column["crs"]["id"] == {"authority": "EPSG", "code": 4490}
    )
    assert column["bbox"] == pytest.approx([113.0, 22.5, 114.1, 23.1])
    box = column["covering"]["bbox"]["xmin"][0]
    assert pq.read_table(path).column(box)[0].as_py() == pytest.approx({"xmin": 113.0, "ymin": 22.5, "xmax": 113.01, "ymax": 22.51})


def test_the_command_line_of_gdal_reads_them(formats: Formats, tmp_path: Any) -> None:
    for name in ("geojson", "geojsonseq", "fgb", "csv"):
        path = tmp_path / f"hard.{name}"
        path.write_bytes(formats.get(name).content)
        said = subprocess.run(["ogrinfo", "-al", "-so", str(path)], capture_output=True, text=True, check=True).stdout
        assert f"Feature Count: {len(HARD) + 1}" in said, said


def test_heights(formats: Formats) -> None:
    deep = Layer(number=0, id="deep", title_zh="管", geometry_type="Point", vertical_datum="1985国家高程基准")
    layer = formats.site.put(deep, [Row("POINT(113 22)"), Row("POINT(114 23)")])
    formats.site.write("SELECT twin.ensure_shape(%s)", layer.number)
    formats.site.write(
        f"INSERT INTO twin.shape_{layer.number} (oid, lod, geom, valid, sys) SELECT oid, '0', ST_SetSRID(ST_MakePoint(113, 22, 7.5), 4490), valid, sys "
        f"FROM twin.object_{layer.number} ORDER BY oid LIMIT 1 RETURNING oid"
    )
    known, missing = ("POINT Z (113 22 7.5)", "POINT (114 23)")
    for name in READERS:
        shapes = [row["shape"] for _, row in sorted(formats.export(name, "deep").items())]
        assert shapes == [known, "POINT Z (114 23 NaN)" if name == "fgb" else missing], name
    rows = read_csv(formats.get("csv", "deep").content)
    assert [(row["lon"], row["lat"], row["height"]) for row in rows] == [("113", "22", "7.5"), ("114", "23", "")]


def test_rows_without_a_place(formats: Formats) -> None:
    mixed = formats.site.put(
        Layer(number=0, id="placeless", title_zh="无处"), [Row("POINT(113 22)", name="a"), Row("LINESTRING(113 22,114 23)")]
    )
    formats.site.write(f"UPDATE twin.object_{mixed.number} SET geom = NULL WHERE name = 'a' RETURNING oid")
    wanted = formats.items("placeless")
    assert [row["shape"] for row in wanted.values()].count(None) == 1
    for name in READERS:
        if name not in ("fgb", "gpkg"):  # GDAL reads such a FlatGeobuf row by row only
            assert formats.export(name, "placeless") == wanted, name
    assert opened(formats.get("fgb", "placeless").content, "fgb", rows=True) == 2
    assert [row["wkt"] for row in read_csv(formats.get("csv", "placeless").content)].count("") == 1


@pytest.mark.parametrize("format_", ["csv", "gpkg", "parquet"])
def test_without_geometry(formats: Formats, format_: str) -> None:
    answer = formats.get(format_, "things", skipGeometry="true", 楼层=1)
    assert answer.status_code == 200 and len(answer.content) > 100


def test_refusals_come_before_the_first_byte(formats: Formats) -> None:
    with formats.site.client as client:
        path = "/collections/hard/export"
        assert problem_of(client.get(path), 400)["place"] == "f"
        assert problem_of(client.get(path, params={"f": "shp"}), 400)["place"] == "f"
        assert problem_of(client.get(path, params={"f": "csv", "limit": 1}), 400)["place"] == "limit"
        assert problem_of(client.get(path, params={"f": "csv", "filter": "nothing = 1"}), 400)["code"] == "invalid-parameter"
        assert problem_of(client.get(path, params={"f": "fgb", "properties": "nothing"}), 400)["place"] == "properties"
        assert problem_of(client.get("/collections/nothing/export", params={"f": "csv"}), 404)


def test_what_is_not_shown_is_not_exported(formats: Formats) -> None:
    site = formats.site
    put = Layer(number=0, id="inner", title_zh="内部", access=Access.INTERNAL, geometry_type="Point")
    put_layer(site.database, put, [Row("POINT(113 22)")])
    for name in (*READERS, "csv"):
        assert formats.get(name, "inner").status_code == 404


def request_of(formats: Formats, path: Any, text: str = "SELECT 1::bigint AS oid", values: tuple[str | None, ...] = ()) -> FileRequest:
    sheet = Sheet("x", "x", (), "oid", "a", "b", "", "bbox", formats.hard.geometry_type, False, "EPSG:4490")
    return FileRequest(
        conninfo=formats.site.database.conninfo(SERVER), text=text, values=values, scope=scope_setting(PUBLIC), seconds=5,
        format="gpkg", sheet=sheet, path=path / "x.gpkg",
    )  # fmt: skip


LIMITS = FileLimits(8 << 30, 1 << 30, 60)


async def test_a_file_over_its_budget_is_given_up(formats: Formats, tmp_path: Any) -> None:
    many = request_of(formats, tmp_path, "SELECT i AS oid, repeat('x', 1000) AS a FROM generate_series(1, 200000) i")
    with pytest.raises(TooLarge):
        await write_in_child(many, FileLimits(8 << 30, 4 << 20, 60))


async def test_a_file_that_takes_too_long_is_given_up(formats: Formats, tmp_path: Any) -> None:
    slow = request_of(formats, tmp_path, "SELECT i AS oid FROM generate_series(1, 3) i WHERE pg_sleep(60) IS NOT NULL")
    with pytest.raises(OutOfTime):
        await write_in_child(slow.model_copy(update={"seconds": 0.2}), LIMITS)
    with pytest.raises(OutOfTime):
        await write_in_child(slow, FileLimits(8 << 30, 1 << 30, 2))
    until(formats, lambda: busy(formats) == 0)


async def test_a_file_without_its_database(formats: Formats, tmp_path: Any) -> None:
    away = request_of(formats, tmp_path).model_copy(update={"conninfo": "host=/nowhere dbname=x"})
    with pytest.raises(Unavailable):
        await write_in_child(away, LIMITS)


def busy(formats: Formats) -> int:
    """Statements the database works on for exports."""
    with connect(formats.site.database, SUPERUSER) as admin:
        found = admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND query ~ '(layer.wide|pg_sleep)' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert found is not None
    return int(found[0])


def until(formats: Formats, ready: Callable[[], bool], patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(formats: Formats, format_: str, received: int = 1) -> socket.socket:
    """A request by a client that reads a little and then no more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", formats.site.server.port))
    client.sendall(f"GET /collections/wide/export?f={format_} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    if received:
        client.recv(received)
    return client


def test_whoever_hangs_up_takes_everything_along(formats: Formats) -> None:
    for _ in range(budgets.EXPORTS_AT_ONCE + 2):
        client = ask(formats, "geojsonseq")
        assert busy(formats)
        client.close()
        until(formats, lambda: busy(formats) == 0)
    until(formats, lambda: busy(formats) == 0)
    folder = formats.site.server.log.parent / "exports"
    for _ in range(budgets.EXPORT_FILES_AT_ONCE + 1):
        client = ask(formats, "gpkg", received=0)
        until(formats, lambda: any(folder.iterdir()))
        client.close()
        until(formats, lambda: not any(folder.iterdir()))
    assert formats.get("csv", "things").status_code == 200


@pytest.mark.parametrize("format_", ["csv", "gpkg"])
def test_the_statement_goes_with_its_client(formats: Formats, format_: str) -> None:
    """Although no row has come yet."""
    with connect(formats.site.database, SUPERUSER) as admin:
        admin.execute(f"LOCK TABLE twin.object_{formats.hard.number + 1} IN ACCESS EXCLUSIVE MODE")
        client = ask(formats, format_, received=0)
        until(formats, lambda: busy(formats) == 1)
        client.close()
        until(formats, lambda: busy(formats) == 0, patience_s=4)
        admin.rollback()


def test_more_at_once_than_the_budget_wait_for_another_time(formats: Formats) -> None:
    held = [ask(formats, "geojson") for _ in range(budgets.EXPORTS_AT_ONCE)]
    try:
        refused = formats.get("csv", "things")
        problem = problem_of(refused, 503)
        assert problem["code"] == "crowded" and "exports_at_once" in problem["detail"] and int(refused.headers["retry-after"]) >= 1
        with formats.site.client as client:
            assert client.get("/collections/things/items").status_code == 200
    finally:
        for client in held:
            client.close()
    until(formats, lambda: formats.get("csv", "things").status_code == 200)


@pytest.mark.parametrize("format_", ["geojson", "geojsonseq", "jsonfg", "csv"])
def test_what_breaks_in_the_middle_is_seen_to_be_broken(formats: Formats, format_: str) -> None:
    with formats.site.client as client, pytest.raises(httpx.RemoteProtocolError):  # noqa: SIM117
        with client.stream("GET", "/collections/wide/export", params={"f": format_}, headers={"accept-encoding": "identity"}) as answer:
            assert answer.status_code == 200
            for number, _ in enumerate(answer.iter_raw()):
                if number == 0:
                    _end_backends(formats)


def _end_backends(formats: Formats) -> None:
    with connect(formats.site.database, SUPERUSER) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'layer.wide' AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended


def test_collections_name_the_formats(formats: Formats) -> None:
    with formats.site.client as client:
        links = client.get("/collections/hard").json()["links"]
        exports = {link["href"].rpartition("f=")[2]: link for link in links if link["rel"] == "enclosure"}
        assert set(exports) == {*READERS, "csv"}
        assert {link["href"].rpartition("=")[2] for link in links if link["rel"] == "items"} >= {"csv", "jsonfg", "geojsonseq", "html"}
        for name in ("geojson", "geojsonseq", "jsonfg", "csv", "parquet"):
            answer = client.get(exports[name]["href"])
            assert answer.status_code == 200 and answer.headers["content-type"] == exports[name]["type"]
        assert "/collections/{collection}/export" in client.get("/api").json()["paths"]
        assert any(service["endpoint"].endswith("/export") for service in client.get("/capabilities").json()["services"])


def test_gdal_knows_them_by_their_own_drivers(formats: Formats, tmp_path: Any) -> None:
    path = tmp_path / "hard.json"
    path.write_bytes(formats.get("jsonfg", crs=GRID).content)
    about = pyogrio.read_info(f"JSONFG:{path}")
    assert about["features"] == len(HARD) + 1 and "4547" in str(about["crs"]) and about["layer_name"] == "hard"
