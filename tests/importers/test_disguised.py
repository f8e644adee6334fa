"""Instructions dressed as data, under every accepted suffix and inside archives: a canary file and a listening port stay untouched."""

import json
import os
import socket
import sqlite3
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
import shapely
from pyogrio.raw import write_arrow

from importers import CONTAINERS, FORMATS, suffixes
from importers.pinned import ALWAYS, skip_all_but
from importers.process import private_folder
from importers.reading import choose
from importers.unpack import Caps, gather
from tests.importers import files
from tests.importers.files import read
from tests.importers.test_hostile import INSTRUCTIONS
from twin.errors import BadFile, InputError, TooLarge

SECRET = "canary-7f3a"
GML = 'xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink"'
ENTITIES = '<!DOCTYPE x [<!ENTITY a SYSTEM "file://{path}">]>'
LAUGHS = "<!DOCTYPE x [" + '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 12)) + "]>"
MARK = "<Placemark><name>{text}</name><Point><coordinates>113,23</coordinates></Point></Placemark>"

#: Beyond what `test_hostile` has: doors of the formats that name other files.
MORE = {
    "kml-entity": '<?xml version="1.0"?>' + ENTITIES + "<kml><Document>" + MARK.format(text="&a;") + "</Document></kml>",
    "kml-laughs": '<?xml version="1.0"?>' + LAUGHS + "<kml><Document>" + MARK.format(text="&a11;") + "</Document></kml>",
    "kml-link": "<kml><Document><NetworkLink><Link><href>file://{path}</href></Link></NetworkLink>"
    + "<NetworkLink><Link><href>http://127.0.0.1:{port}/a.kml</href></Link></NetworkLink>"
    + MARK.format(text="x")
    + "</Document></kml>",
    "gml-entity": ENTITIES
    + f"<gml:FeatureCollection {GML}><gml:featureMember><a><n>&a;</n></a></gml:featureMember></gml:FeatureCollection>",
    "gml-laughs": LAUGHS
    + f"<gml:FeatureCollection {GML}><gml:featureMember><a><n>&a11;</n></a></gml:featureMember></gml:FeatureCollection>",
    "gml-xlink": f'<gml:FeatureCollection {GML}><gml:featureMember><a><n>x</n><gml:location xlink:href="file://{{path}}#a"/>'
    '<gml:geom xlink:href="http://127.0.0.1:{port}/a.gml#a"/></a></gml:featureMember></gml:FeatureCollection>',
    "gml-schema": '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" '
    + GML
    + ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:schemaLocation="urn:a http://127.0.0.1:{port}/wfs?SERVICE=WFS&amp;REQUEST=DescribeFeatureType&amp;TYPENAME=a urn:b {path}">'
    "<gml:featureMember><a><n>x</n></a></gml:featureMember></wfs:FeatureCollection>",
    "osm-entity": ENTITIES + '<osm version="0.6"><node id="1" lat="23" lon="113"><tag k="name" v="x"/></node></osm>',
    "tab-view": '!table\n!version 300\nOpen Table "{path}" Hide\nCreate View v As Select * From canary\n',
    "tab-linked": '!table\n!version 300\nDefinition Table\n  Type LINKED\n  File "{path}"\n',
    "dxf-xref": "0\nSECTION\n2\nBLOCKS\n0\nBLOCK\n2\nx\n70\n4\n1\n{path}\n0\nENDBLK\n0\nENDSEC\n0\nSECTION\n2\nENTITIES\n"
    "0\nINSERT\n8\n0\n2\nx\n10\n113\n20\n23\n0\nPOINT\n8\n0\n10\n113\n20\n23\n0\nENDSEC\n0\nEOF\n",
    "gdalg": '{{"type":"gdal_streamed_alg","command_line":"gdal vector read {path}","relative_paths_relative_to_this_file":false}}',
    "gmlas": "<GMLASConfiguration><SchemaCache><Directory>{path}</Directory></SchemaCache></GMLASConfiguration>",
    "esri-json": '{{"featureCollection":{{"layers":[]}},"url":"http://127.0.0.1:{port}/"}}',
    "wkt-url": "n,wkt\n1,/vsicurl/http://127.0.0.1:{port}/x\n",
    "csvt-vrt": 'a,b\n"<OGRVRTDataSource><SrcDataSource>{path}</SrcDataSource></OGRVRTDataSource>",1\n',
}
TEXTS = {**{f"text-{at}": text for at, text in enumerate(INSTRUCTIONS)}, **MORE}


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """A file nobody may read or change."""
    path = tmp_path / "canary.csv"
    path.write_text(f"name,lng,lat\n{SECRET},113,23\n", encoding="utf-8")
    os.utime(path, (1, 1))
    before = path.stat()
    yield path
    after = path.stat()
    assert (after.st_atime, after.st_mtime, after.st_size) == (before.st_atime, before.st_mtime, before.st_size), "the canary was touched"


@pytest.fixture
def port() -> Iterator[int]:
    """A port nobody may knock at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener.getsockname()[1]
        with pytest.raises(BlockingIOError):
            listener.accept()


def _seen_as(path: Path, folder: Path) -> str:
    """The format the bytes are taken for, or the refusal: what decides before any parser runs."""
    try:
        return choose(gather(path, folder), "")[0].name
    except InputError as exc:
        return exc.message_en.partition("(")[0]


@pytest.mark.parametrize("name", TEXTS)
def test_the_name_never_decides(name: str, tmp_path: Path, canary: Path, port: int) -> None:
    """Every accepted suffix, then inside a zip and a KMZ and a gzip: always taken for the same thing, and that thing is read once."""
    text = (
        TEXTS[name].format(path=canary, port=port)
        if "{path}" in TEXTS[name] or "{port}" in TEXTS[name]
        else TEXTS[name].replace("{{", "{").replace("}}", "}")
    ).encode()
    seen = set()
    for suffix in suffixes():
        path = tmp_path / f"data{suffix}"
        path.write_bytes(text)
        with private_folder() as folder:
            seen.add(_seen_as(path, folder))
    for path in (files.zipped(tmp_path / "a.zip", {"a/data.json": text}), files.zipped(tmp_path / "a.kmz", {"doc.kml": text})):
        with private_folder() as folder:
            seen.add(_seen_as(path, folder))
    assert len({item.replace("data", "") for item in seen if "no reader" not in item}) <= 1
    (tmp_path / "data.gml").write_bytes(text)
    try:
        found = read(tmp_path / "data.gml", table="points" if name.startswith("osm") else "")
    except InputError as refused:
        assert SECRET not in refused.message_en and refused.message_zh
    else:
        assert SECRET not in str(found.rows) and len(found.rows) <= 2


def test_only_the_driver_of_the_format_exists() -> None:
    known = {driver for entry in FORMATS for driver in entry.drivers}
    for entry in FORMATS:
        skipped = set(skip_all_but(entry.drivers).split(","))
        assert not skipped & {*entry.drivers, *ALWAYS}
        assert skipped >= (known - set(entry.drivers)) | {"OGR_VRT", "GDALG", "WFS", "HTTP", "OAPIF"}


def test_vrt_tables_inside_a_geopackage_and_links_of_a_workbook(tmp_path: Path, canary: Path, port: int) -> None:
    path = files.geopackage(tmp_path / "a.gpkg", [shapely.box(113, 23, 113.1, 23.1)], 名=["a"])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA writable_schema = 1")
        text = f"CREATE VIRTUAL TABLE leak USING VirtualOGR('{canary}')"
        connection.execute("INSERT INTO sqlite_master VALUES ('table', 'leak', 'leak', 0, ?)", [text])
    with pytest.raises(BadFile, match="virtualogr"):
        read(path)
    book = tmp_path / "a.xlsx"
    write_arrow(pa.table({"经度": [113.5], "纬度": [23.5], "名": [f"='file://{canary}'!A1"]}), book, driver="XLSX", layer="x")
    with zipfile.ZipFile(book, "a") as archive:
        archive.writestr(
            "xl/externalLinks/_rels/externalLink1.xml.rels",
            f'<Relationships><Relationship Target="http://127.0.0.1:{port}/" TargetMode="External"/></Relationships>',
        )
    assert SECRET not in str(read(book).rows)


# archives and sizes


def test_a_million_entries_are_counted_before_they_are_listed(tmp_path: Path) -> None:
    """Only the end record is read: neither time nor memory grows with the list."""
    path = tmp_path / "many.zip"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    first = b"PK\x03\x04" + bytes(27)
    body = entry * 1_000_000
    zip64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1_000_000, 1_000_000, len(body), len(first))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(first) + len(body), 1)
    for count, tail in ((0xFFFF, zip64 + locator), (1, b"")):  # the second one lies about the number
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(body), len(first), 0)
        path.write_bytes(first + body + tail + end)
        with pytest.raises(TooLarge, match="entries"):
            read(path)


def test_bombs_in_workbooks_and_sparse_files(tmp_path: Path) -> None:
    bomb = files.zipped(tmp_path / "a.xlsx", {"xl/workbook.xml": b"<a/>", "xl/worksheets/sheet1.xml": b" " * (80 << 20)})
    with pytest.raises(TooLarge, match="ratio 100"):
        read(bomb)
    with pytest.raises(TooLarge, match="ratio 100"):
        read(files.zipped(tmp_path / "z.zip", {"b.xlsx": bomb.read_bytes()}))
    for suffix in (".geojson", ".csv", ".gpkg", ".zip", ".parquet"):
        path = tmp_path / f"sparse{suffix}"
        with path.open("wb") as file:
            file.truncate(2 << 30)
        with pytest.raises(InputError):
            read(path)
        path.unlink()


def test_sparse_tails_behind_good_heads(tmp_path: Path) -> None:
    """Two gigabytes of nothing behind a real beginning: refused, or read as far as it is data."""
    heads = {
        "a.fgb": b"fgb\x03fgb\x01" + bytes(100),
        "a.parquet": b"PAR1" + bytes(100),
        "a.pbf": b"\0\0\0\x0d\x0a\x09OSMHeader" + bytes(100),
        "a.dxf": b"0\nSECTION\n2\nENTITIES\n",
        "a.kml": b'<?xml version="1.0"?><kml><Document>',
    }
    for name, head in heads.items():
        path = tmp_path / name
        path.write_bytes(head)
        os.truncate(path, 2 << 30)
        with pytest.raises(InputError):
            read(path)
        path.unlink()


def test_folders_do_not_follow_links_and_are_counted(tmp_path: Path, canary: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.csv").symlink_to(canary)
    (folder / "b.geojson").write_text(json.dumps(files.point(113, 23, n=1)))
    assert read(folder).named(0) == {"n": 1}
    for at in range(20):
        (folder / f"{at}.txt").write_text("x")
    with private_folder() as private, pytest.raises(TooLarge, match="entries"):
        gather(folder, private, Caps(entries=10))
    assert set(CONTAINERS) == {".zip", ".gz"}
