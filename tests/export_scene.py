"""A scene for the tests of formats: a server over rows that are hard to write, and how each format is read back to plain rows."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pyogrio
import shapely

from postgis.connect import Database
from tests.items_scene import ItemsSite, start_items
from tests.tile_scene import Row
from twin.fields import Field
from twin.layer import Layer

#: Begins like formulas, holds separators, quotes, line ends, markup, other planes of Unicode.
HARD = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "  =1+1",
    "＝HYPERLINK(1)",
    "-3.5",
    "+86",
    '逗号,引号"，换行\n第二行\r\n第三行',
    "<script>alert(1)</script>&amp;",
    "𠮷野家 🏗",
    "",
    "'; DROP TABLE twin.layer; --",
    "\\N",
)
FIELDS = (
    Field(name="名称", role="name", queryable=True),
    Field(name="数", type="number", queryable=True, unit="m"),
    Field(name="整", type="integer", queryable=True),
    Field(name="真", type="boolean", queryable=True),
    Field(name="日", type="date", queryable=True),
    Field(name="时", type="instant", queryable=True),
    Field(name='=列 "$1" :x', queryable=True),
    Field(name="数据", type="json"),
    Field(name="OID"),
    Field(name="geometry"),
)


def hard_rows() -> Iterator[Row]:
    """Every value in some row missing, every hard text in some row there; one row without anything."""
    for number, text in enumerate(HARD):
        attrs = {
            "数": number * -1.25,
            "整": 2**53 + number,
            "真": number % 2 == 0,
            "日": f"2026-02-{number + 1:02d}",
            "时": f"2026-01-01T00:00:{number:02d}.250Z",
            '=列 "$1" :x': text,
            "数据": {"键": [text, None, 1.5]},
            "OID": f"o{number}",
            "geometry": f"g{number}",
        }
        known = {name: value for place, (name, value) in enumerate(attrs.items()) if (number + place) % 5}
        yield Row(f"POLYGON((113.{number} 22.5,113.{number}1 22.5,113.{number}1 22.51,113.{number} 22.5))", known, name=text or None)
    yield Row("POLYGON((114 23,114.1 23,114.1 23.1,114 23))", {}, valid_to="2999-01-01T00:00:00Z")


@dataclass(frozen=True, slots=True)
class Formats:
    """The running server and its hard layer."""

    site: ItemsSite
    hard: Layer

    def items(self, layer: str = "hard", **query: Any) -> dict[int, dict[str, Any]]:
        """The rows of the items' door, by oid: what every other format is compared with."""
        with self.site.client as client:
            answer = client.get(f"/collections/{layer}/items", params={"limit": 10_000} | query)
        assert answer.status_code == 200, answer.text
        return {feature["id"]: _row_of(feature) for feature in answer.json()["features"]}

    def get(self, format_: str, layer: str = "hard", **query: Any) -> httpx.Response:
        with self.site.client as client:
            return client.get(f"/collections/{layer}/export", params={"f": format_} | query)

    def export(self, format_: str, layer: str = "hard", **query: Any) -> dict[int, dict[str, Any]]:
        """The rows of the export door, read back."""
        answer = self.get(format_, layer, **query)
        assert answer.status_code == 200, answer.text
        return READERS[format_](answer.content)


@contextmanager
def start_formats(database: Database, home: Path) -> Iterator[Formats]:
    """A server with the things of the items' tests and the hard layer."""
    with start_items(database, home) as site:
        yield Formats(
            site,
            site.put(Layer(number=0, id="hard", title_zh="难写的 <b>行</b>", geometry_type="Polygon", fields=FIELDS), list(hard_rows())),
        )


def _row_of(feature: dict[str, Any]) -> dict[str, Any]:
    shape = feature.get("place") or feature["geometry"]
    ends = (feature.get("time") or {"interval": ["..", ".."]})["interval"]
    valid = [None if end == ".." else end for end in ends]
    return {**feature["properties"], "valid": valid, "shape": None if shape is None else shapely.geometry.shape(shape).wkt}


def read_geojson(content: bytes) -> dict[int, dict[str, Any]]:
    document = json.loads(content)
    assert document["numberReturned"] == document["numberMatched"] == len(document["features"])
    return {feature["id"]: _row_of(feature) for feature in document["features"]}


def read_sequence(content: bytes) -> dict[int, dict[str, Any]]:
    """RFC 8142: each text between a record separator and a line feed."""
    assert not content or (content.startswith(b"\x1e") and content.endswith(b"\n"))
    texts = [text for text in content.split(b"\x1e") if text]
    assert all(text.count(b"\n") == 1 for text in texts)
    return {feature["id"]: _row_of(feature) for feature in map(json.loads, texts)}


def read_csv(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def _file(content: bytes, suffix: str, read: Callable[[Path], Any]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        path.write_bytes(content)
        return read(path)


def _by_gdal(suffix: str) -> Callable[[bytes], dict[int, dict[str, Any]]]:
    def read(content: bytes) -> dict[int, dict[str, Any]]:
        about, table = _file(content, suffix, lambda path: pyogrio.read_arrow(path, return_fids=suffix == ".gpkg"))
        return _rows(table.to_pylist(), about["geometry_name"] or "wkb_geometry")

    return read


def opened(content: bytes, format_: str, rows: bool = False) -> Any:
    """The reference system and the bounds a file says of itself; or only how many rows it has."""
    if format_ == "parquet":
        geo = json.loads(pq.read_metadata(io.BytesIO(content)).metadata[b"geo"])
        column = geo["columns"][geo["primary_column"]]
        return ":".join(map(str, column["crs"]["id"].values())), column["bbox"]
    about = _file(content, f".{format_}", lambda path: pyogrio.read_info(path, force_total_bounds=True))
    return about["features"] if rows else (about["crs"], about["total_bounds"])


def read_parquet(content: bytes) -> dict[int, dict[str, Any]]:
    table = pq.read_table(io.BytesIO(content))
    geo = json.loads(table.schema.metadata[b"geo"])
    rows = table.drop_columns([geo["columns"][geo["primary_column"]]["covering"]["bbox"]["xmin"][0]]).to_pylist()
    return _rows(rows, geo["primary_column"])


def _rows(rows: list[dict[str, Any]], shape: str) -> dict[int, dict[str, Any]]:
    """Rows of a table as `items` has them: instants as text, JSON read, the geometry as WKT."""
    found = {}
    for row in rows:
        oid = row.pop(next(name for name in ("oid_", "oid") if name in row))
        wkb = row.pop(shape)
        ends = [_plain(row.pop(next(name for name in (end + "_", end) if name in row))) for end in ("valid_from", "valid_to")]
        values = {name: _plain(value) for name, value in row.items()}
        if values.get("数据") is not None:
            values["数据"] = json.loads(values["数据"]) if isinstance(values["数据"], str) else values["数据"]
        found[oid] = {**values, "valid": ends, "shape": None if wkb is None else shapely.from_wkb(wkb).wkt}
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


READERS: dict[str, Callable[[bytes], dict[int, dict[str, Any]]]] = {
    "geojson": read_geojson,
    "jsonfg": read_geojson,
    "geojsonseq": read_sequence,
    "fgb": _by_gdal(".fgb"),
    "gpkg": _by_gdal(".gpkg"),
    "parquet": read_parquet,
}
