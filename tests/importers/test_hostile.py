"""Files made to hurt: each is refused with a reason and its place, touches nothing, and leaves no process and no folder behind."""

import json
import os
import shutil
import sqlite3
import stat
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import shapely

from importers.base import ReadRequest
from importers.process import private_folder, reading, sweep_folders
from importers.unpack import Caps, gather
from tests.importers import files
from tests.importers.files import read
from twin.errors import BadFile, TooLarge
from twin.sandbox import Limits

SECRET = "canary-7f3a"


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    path = tmp_path / "canary.csv"
    path.write_text(f"name,lng,lat\n{SECRET},113,23\n", encoding="utf-8")
    return path


INSTRUCTIONS = [
    '<OGRVRTDataSource><OGRVRTLayer name="canary"><SrcDataSource>{path}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
    '\n\ufeff  <OGRVRTDataSource>\n<OGRVRTLayer name="canary"><SrcDataSource relativeToVRT="0">{path}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
    '<?xml version="1.0"?><!-- x --><OGRVRTDataSource><OGRVRTLayer name="canary"><SrcDataSource>{path}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>',
    '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand><SimpleSource><SourceFilename>{path}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>',
    "<GDALTileIndexDataset><IndexDataset>{path}</IndexDataset></GDALTileIndexDataset>",
    "<OGRWFSDataSource><URL>http://127.0.0.1:{port}/</URL></OGRWFSDataSource>",
    '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:{port}/</ServerUrl></Service></GDAL_WMS>',
    '{{"type":"gdal_streamed_alg","command_line":"gdal vector read {path}"}}',
    '{{"stac_version":"1.0.0","assets":{{"a":{{"href":"/vsicurl/http://127.0.0.1:{port}/x"}}}}}}',
    "MAP\nLAYER\nCONNECTION '{path}'\nEND\nEND",
    "PG:host=127.0.0.1 port={port}",
    "GeoJSON:{path}",
    '{{"type":"FeatureCollection","features":[],"next":"http://127.0.0.1:{port}/page2"}}',
    '{{"type":"Topology","objects":{{}},"arcs":[]}}',
    '{{"displayFieldName":"","geometryType":"esriGeometryPoint","features":[],"fields":[]}}',
]
SUFFIXES = (".geojson", ".gpkg", ".csv")


def test_instructions_inside_archives_are_refused(tmp_path: Path, canary: Path) -> None:
    text = INSTRUCTIONS[0].format(path=canary).encode()
    for path in (files.zipped(tmp_path / "a.zip", {"data.geojson": text}), files.gzipped(tmp_path / "a.geojson.gz", text)):
        with pytest.raises(BadFile, match="instruction"):
            read(path)


def test_sqlite_virtual_tables_are_refused(tmp_path: Path, canary: Path) -> None:
    path = files.geopackage(tmp_path / "a.gpkg", [shapely.box(113, 23, 113.1, 23.1)], 名=["a"])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        text = f"CREATE VIRTUAL TABLE leak USING VirtualOGR('{canary}')"
        connection.execute("INSERT INTO sqlite_master VALUES ('table', 'leak', 'leak', 0, ?)", [text])
    with pytest.raises(BadFile, match="virtualogr"):
        read(path)


# archives


@pytest.mark.parametrize(
    "name", ["../evil.geojson", "/etc/evil.geojson", "a/../../evil.geojson", "..\\evil.geojson", "C:\\evil.geojson", "C:/evil.geojson"]
)
def test_paths_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / "slip.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("x" * len(name))
        archive.writestr(info, b'{"type":"FeatureCollection","features":[]}')
    path.write_bytes(path.read_bytes().replace(b"x" * len(name), name.encode()))
    with pytest.raises(BadFile, match="leaves the archive") as caught:
        read(path)
    assert caught.value.place.replace("\\", "/") == name.replace("\\", "/")
    assert not (tmp_path.parent / "evil.geojson").exists()


def test_links_doubles_nesting_and_passwords(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.geojson")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    inner = files.zipped(tmp_path / "inner.zip", {"a.geojson": b"{}"}).read_bytes()
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.json", b"{}")
        archive.writestr("A.JSON", b"{}")
        archive.writestr("a.json", b"{}")
    files.zipped(tmp_path / "nested.zip", {"b.zip": inner})
    files.zipped(tmp_path / "gz.zip", {"b.gz": b"\x1f\x8b\x08" + bytes(20)})
    files.gzipped(tmp_path / "zip.gz", inner)
    locked = bytearray(files.zipped(tmp_path / "locked.zip", {"a.json": b"{}"}).read_bytes())
    for at in (locked.index(b"PK\x03\x04") + 6, locked.index(b"PK\x01\x02") + 8):
        locked[at] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    reasons = {
        "link": "symbolic link",
        "twice": "occurs twice",
        "nested": "inside an archive",
        "gz": "inside an archive",
        "locked": "encrypted",
    }
    for name, reason in reasons.items():
        with pytest.raises(BadFile, match=reason):
            read(tmp_path / f"{name}.zip")
    with pytest.raises(BadFile, match="inside an archive"):
        read(tmp_path / "zip.gz")


def test_bombs_stop_at_the_cap(tmp_path: Path) -> None:
    zeros = b"0" * (40 << 20)
    bombs = [files.zipped(tmp_path / "bomb.zip", {"a.geojson": zeros}), files.gzipped(tmp_path / "bomb.geojson.gz", zeros)]
    for path in bombs:
        with pytest.raises(TooLarge, match="ratio 100"):
            read(path)
    many = files.zipped(tmp_path / "many.zip", {f"{number}.json": b"{}" for number in range(20)})
    with private_folder() as folder, pytest.raises(TooLarge, match="20 entries"):
        gather(many, folder, Caps(entries=10))


def test_a_lying_header_is_not_believed(tmp_path: Path) -> None:
    path = files.zipped(tmp_path / "a.zip", {"a.geojson": b" " * (40 << 20)})
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 10)
    path.write_bytes(data)
    with pytest.raises((BadFile, TooLarge)):
        read(path)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.99])
def test_truncated_archives(cut: float, tmp_path: Path) -> None:
    text = json.dumps({"type": "FeatureCollection", "features": [files.point(113, 23, n=at) for at in range(3000)]}).encode()
    for path in (files.zipped(tmp_path / "a.zip", {"a.geojson": text}), files.gzipped(tmp_path / "a.geojson.gz", text)):
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * cut)])
        with pytest.raises(BadFile):
            read(path)


# broken files


def test_empty_files(tmp_path: Path) -> None:
    for suffix in (*SUFFIXES, ".zip", ".geojson.gz"):
        path = tmp_path / f"empty{suffix}"
        path.write_bytes(b"")
        with pytest.raises(BadFile, match="empty"):
            read(path)
    for path in (
        files.zipped(tmp_path / "nothing.zip", {}),
        files.zipped(tmp_path / "empty.zip", {"a.geojson": b""}),
        files.gzipped(tmp_path / "e.gz", b""),
    ):
        with pytest.raises(BadFile):
            read(path)
    with pytest.raises(BadFile, match="by its content"):
        read(tmp_path)


@pytest.mark.parametrize("cut", [50, 100, 4096, 5000, 0.5, 0.99])
def test_truncated_geopackage(cut: float, tmp_path: Path) -> None:
    shapes = [shapely.box(113 + at / 1000, 23, 113.001 + at / 1000, 23.001) for at in range(2000)]
    path = files.geopackage(tmp_path / "a.gpkg", shapes, 名=[f"楼{at}" for at in range(2000)])
    data = path.read_bytes()
    path.write_bytes(data[: int(cut if cut > 1 else len(data) * cut)])
    with pytest.raises(BadFile, match=r"GeoPackage is broken: it (has|ends)") as caught:
        read(path)
    assert "GeoPackage 已损坏" in caught.value.message_zh


@pytest.mark.parametrize(
    ("number", "place"),
    [("1e400", "line 1, character"), ("-1e999", "line 1, character"), ("NaN", ""), ("Infinity", ""), ("1" * 400, "line 1, character")],
)
def test_numbers_that_are_none_never_reach_a_row(number: str, place: str, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    good = json.dumps(files.point(113, 23))
    path.write_text(f'{{"type":"FeatureCollection","features":[{good},{good.replace("113", number)}]}}')
    try:
        found = read(path)
    except BadFile as refused:
        assert place in refused.place.lower()
    else:
        assert found.summary.rows + found.summary.refused == 2
        assert all(shape is None or np.isfinite(shapely.get_coordinates(shape)).all() for shape in found.shapes)
        assert found.rules["not-finite"] + found.rules["null-geometry"] == 1


def test_not_finite_coordinates_of_binary_formats_are_refused_by_row(tmp_path: Path) -> None:
    shapes = [shapely.Point(113, 23), shapely.Point(113, 24), shapely.Point(114, 23)]
    path = files.geopackage(tmp_path / "a.gpkg", shapes, n=[1, 2, 3])
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<2d", 113, 24), struct.pack("<2d", 113, float("inf"))))
    found = read(path)
    assert [(finding.rule, finding.row) for finding in found.findings] == [("not-finite", 2)]
    assert [row["row"] for row in found.rows] == [1, 3]


@pytest.mark.parametrize("depth", [100, 2_000, 1_000_000])
def test_deep_nesting(depth: int, tmp_path: Path) -> None:
    deep = "[" * depth + "]" * depth
    texts = {
        "properties": f'{{"type":"Feature","properties":{{"a":{deep}}},"geometry":null}}',
        "coordinates": f'{{"type":"Feature","properties":{{}},"geometry":{{"type":"Polygon","coordinates":{deep}}}}}',
        "bare": deep,
    }
    for name, text in texts.items():
        path = tmp_path / f"{name}.geojson"
        path.write_text(f'{{"type":"FeatureCollection","features":[{text}]}}')
        try:
            assert all(shape is None for shape in read(path).shapes)
        except BadFile as refused:
            assert refused.place


def test_text_that_is_no_text(tmp_path: Path) -> None:
    path = files.shapefile(tmp_path, "a", [shapely.box(113, 23, 113.1, 23.1)], 名称=["甲乙"])
    data = path.with_suffix(".dbf").read_bytes()
    path.with_suffix(".dbf").write_bytes(data.replace("乙".encode(), b"\xff\xfe\x80"))
    found = read(path, encoding="utf-8")
    assert found.named(0)["名称"].startswith("甲") and "\ufffd" in found.named(0)["名称"]
    assert found.rules["bad-text"] == 1
    broken = tmp_path / "broken.geojson"
    broken.write_bytes(json.dumps(files.point(113, 23, a="x")).encode().replace(b'"x"', b'"\xff\xff\xfe"'))
    with pytest.raises(BadFile, match="nor gb18030"):
        read(broken)


def test_nul_and_overrides_are_tamed(tmp_path: Path) -> None:
    rows = [files.point(113, 23, 名="a\u0000b"), files.point(113, 23, 名="\u202ecafe\u0301")]
    found = read(files.geojson(tmp_path / "a.geojson", rows))
    assert found.named(0)["名"] in ("a", "ab") and found.named(1)["名"] == "\u202ecaf\u00e9"


# limits


def test_deadline_kills_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    path.write_text("lng,lat,n\n" + "113,23,1\n" * 3_000_000)
    with (
        private_folder() as folder,
        reading(ReadRequest(path=path, folder=folder), Limits(deadline_s=0.4)) as process,
        pytest.raises(TooLarge, match="longer than"),
    ):
        process.describe()
        for _ in process.batches():
            pass
        process.finish()


def test_the_child_sees_no_network_and_no_environment(tmp_path: Path) -> None:
    """The environment is ours, and where the kernel allows it there is not even a loopback device that is up."""
    from importers.process import _environment

    environment = _environment(tmp_path)
    assert not {"HOME", "TMPDIR"} - environment.keys() and environment["HOME"] == str(tmp_path)
    assert not [name for name in environment if "TWIN" in name or "PG" in name or "PROXY" in name.upper()]
    assert "OGR_VRT" in environment["GDAL_SKIP"]


def test_the_child_loads_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """pyogrio would bring geopandas and pandas with it, which take longer to load than most files take to read."""
    path = files.geopackage(tmp_path / "a.gpkg", [shapely.Point(113, 23)], n=[1])
    with private_folder() as folder, reading(ReadRequest(path=path, folder=folder)) as process:
        process.describe()
        mapped = Path(f"/proc/{process.process.pid}/maps").read_text()
    assert "/pyogrio/" in mapped and "/pandas/" not in mapped


def test_folders_of_the_dead_are_swept_and_those_of_the_living_kept() -> None:
    dead = Path(tempfile.mkdtemp(prefix="yuetu-import-"))
    (dead / "member").write_bytes(b"x")
    with private_folder() as living:
        sweep_folders()
        assert living.is_dir() and not dead.exists()
    assert not living.exists() and os.path.lexists(tempfile.gettempdir())
    shutil.rmtree(dead, ignore_errors=True)
