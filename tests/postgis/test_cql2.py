"""Filters against a real PostGIS: for each case and each row, what an independent evaluator says; nothing of a filter is in the SQL text."""

import json
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
import shapely

from layers.cql2.check import check
from layers.cql2.json_text import parse_json
from layers.cql2.systems import filter_crs
from layers.cql2.text import parse_text
from postgis.connect import SERVER, Database
from postgis.features import count_statement, statement
from postgis.pool import scope_setting
from tests.cql2_cases import CASES
from tests.cql2_truth import truth
from tests.tile_scene import Row, put_layer, square
from twin.cql2.names import FUNCTIONS
from twin.cql2.nodes import Expression, Text, walk
from twin.errors import BadParameter
from twin.fields import Field, FieldType
from twin.layer import GeometryType, Layer
from twin.view import PUBLIC, Scope, View

ODD = "备注 \"x\" 'y'"
_TYPES = {
    "text": ("city", "owner", ODD),
    "number": ("taxes", "eo:cloud_cover"),
    "integer": ("floors",),
    "boolean": ("swimming_pool",),
    "date": ("built", "first_day", "last_day"),
    "instant": ("updated_at", "starts_at", "ends_at"),
    "json": ("tags",),
}
FIELDS = (
    Field(name="类别", role="class", queryable=True),
    *(Field(name=name, type=FieldType(kind), queryable=True) for kind, names in _TYPES.items() for name in names),
    Field(name="secret", queryable=False),
)
_SPANS = [
    ("2000-01-01T00:00:00Z", "2010-06-30T12:00:00.25Z"),
    ("2000-01-01T00:00:00Z", "2004-01-01T00:00:00Z"),
    ("2000-01-01T00:00:00Z", "2015-01-01T00:00:00Z"),
    ("1999-01-01T00:00:00Z", "2010-06-30T12:00:00.25Z"),
    ("2003-01-01T00:00:00Z", "2010-06-30T12:00:00.25Z"),
    ("1998-01-01T00:00:00Z", "2005-01-01T00:00:00Z"),
    ("2004-01-01T00:00:00Z", "2012-01-01T00:00:00Z"),
    ("1990-01-01T00:00:00Z", "2020-01-01T00:00:00Z"),
    ("2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"),
    ("1990-01-01T00:00:00Z", "2000-01-01T00:00:00Z"),
    ("2010-06-30T12:00:00.25Z", "2020-01-01T00:00:00Z"),
    ("1980-01-01T00:00:00Z", "1985-01-01T00:00:00Z"),
    ("2003-01-01T00:00:00Z", None),
    (None, None),
]
_TAGS = [["a", "b"], ["a"], ["c", "b", "a", "a"], ["a", True, 1, 8], [8, 1.0, True, "a", "a"], ["2010-02-10", "x"], ["2012-08-10T05:30:00Z"],
         [False], [], {"a": 1}, "a", None, ["Oslo", 10], [["a", "b"], 1]]  # fmt: skip
_WKT = [square(114.05, 22.54), square(114.06, 22.54), square(113.90, 22.50), "POINT(179.999 10)", "POINT(-179.999 10)", "LINESTRING(114.0 22.0, 114.2 22.2)",
        "LINESTRING(114.05 22.53, 114.05 22.55)", square(114.08, 22.6), "MULTIPOLYGON(((1 1,2 1,2 2,1 1)))", None, square(114.0505, 22.5405, 0.01),
        "GEOMETRYCOLLECTION(POINT(114.0 22.5),LINESTRING(1 1,2 2))", "POINT(114.0505 22.5405)", square(114.0, 22.5, 0.08)]  # fmt: skip
_CITIES = [
    "Toronto",
    "toronto",
    "Oslo",
    "oslo",
    None,
    "Straße",
    "STRASSE",
    "ΟΔΟΣ",
    "débárquér",
    "DEBARQUER",
    "Frankfurt",
    "",
    "はじめ",
    "New York",
]
_OWNERS = ["50%", "50 %", "a_x", "abx", "Oslo", " Otto ", None, "x", "50%%", "", "it's", "O", "z", "Z"]


def _attrs(index: int) -> dict[str, Any]:
    start, end = _SPANS[index]
    found = {
        "city": _CITIES[index], "owner": _OWNERS[index], ODD: "it's" if index % 3 == 0 else None,
        "taxes": [1, 120.5, 99.5, None, 500, -150, 2, 151, 1e6, 0.5, 9, 10, 4, 3][index],
        "eo:cloud_cover": [0.1, 0.2, 0.3, None][index % 4], "floors": [1, 2, 3, 4, 5, 9, 10, None, 0, -3, 12, 20, 6, 7][index],
        "swimming_pool": [True, False, None][index % 3], "built": ["1998-05-01", "2020-12-31", None, "1997-01-01"][index % 4],
        "updated_at": ["2010-02-10T15:59:59Z", "2010-02-10T16:00:00Z", "2012-08-10T05:30:00Z", None, "2009-12-31T20:00:00+00:00"][index % 5],
        "first_day": ["1998-05-01", "2000-12-01", None][index % 3], "last_day": ["2001-01-01", "2000-12-02"][index % 2],
        "starts_at": start, "ends_at": end, "tags": _TAGS[index],
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def _row(index: int) -> dict[str, Any]:
    """A row as the evaluator sees it."""
    found: dict[str, Any] = dict(_attrs(index))
    for name in _TYPES["date"]:
        found[name] = date.fromisoformat(found[name]) if name in found else None
    for name in _TYPES["instant"]:
        found[name] = datetime.fromisoformat(found[name]) if name in found else None
    wkt = _WKT[index]
    return found | {"geometry": None if wkt is None else shapely.from_wkt(wkt), "类别": ["住宅", "商业"][index % 2]}


@pytest.fixture(scope="module")
def layer(database: Database) -> Layer:
    rows = [Row(_WKT[index], _attrs(index), class_=["住宅", "商业"][index % 2]) for index in range(len(_WKT))]  # type: ignore[arg-type]
    return put_layer(database, Layer(number=0, id="cases", title_zh="例", fields=FIELDS), rows)


@pytest_asyncio.fixture(scope="module")
async def reader(database: Database) -> AsyncIterator[asyncpg.Connection]:
    connection = await database.connect_asyncpg(SERVER)
    await connection.execute("SELECT set_config('twin.scope', $1, false)", scope_setting(PUBLIC))
    yield connection
    await connection.close()


async def found(reader: asyncpg.Connection, layer: Layer, where: Expression) -> list[int]:
    made = statement(View(layer.id, PUBLIC, where=where, fields=()), layer)
    return sorted((row["oid"] & 0xFFFFFFFFFF) - 1 for row in await reader.fetch(made.text, *made.args))


@pytest.mark.parametrize(("text", "document"), CASES, ids=[text for text, _ in CASES])
async def test_rows_are_those_of_the_evaluator(reader: asyncpg.Connection, layer: Layer, text: str, document: Any) -> None:
    for negated in (False, True):
        where = parse_text(f"NOT ({text})" if negated else text)
        check(where, layer)
        expected = [index for index in range(len(_WKT)) if truth(document, _row(index)) is (not negated)]
        assert await found(reader, layer, where) == expected, statement(View(layer.id, PUBLIC, where=where), layer).text


async def test_a_template_is_bound_to_other_values(reader: asyncpg.Connection, layer: Layer) -> None:
    texts: set[str] = set()
    for floors, city in ((5, "Oslo"), (0, "Toronto"), (-3, "' OR true --")):
        where = parse_text(f"floors > {floors} AND city IN ('{city.replace(chr(39), chr(39) * 2)}', 'x')")
        texts.add(statement(View(layer.id, PUBLIC, where=where), layer).text)
        assert await found(reader, layer, where) == [
            index for index in range(len(_WKT)) if (_row(index).get("floors") or -99) > floors and _row(index).get("city") == city
        ]
    assert len(texts) == 1


async def test_count_and_past_know_the_filter(reader: asyncpg.Connection, layer: Layer) -> None:
    made = count_statement(View(layer.id, PUBLIC, where=parse_text("floors >= 9")), layer)
    assert await reader.fetchval(made.text, *made.args) == 4


PAYLOADS = [
    "'; DROP TABLE x --",
    "\\'; --",
    "$1",
    "$$",
    ":x",
    "%s",
    "{0}",
    "' OR '1'='1",
    "\u2019 OR 1=1",
    "/*",
    "\\",
    "a%' ESCAPE '",
    "x' || pg_sleep(9) || '",
]


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_payloads_are_values(reader: asyncpg.Connection, layer: Layer, payload: str) -> None:
    payload = "canary" + payload
    for document in (
        {"op": "=", "args": [{"property": "city"}, payload]},
        {"op": "in", "args": [{"property": "city"}, [payload, "x"]]},
        {"op": "a_contains", "args": [{"property": "tags"}, [payload]]},
        {"op": "a_overlaps", "args": [{"property": "tags"}, [payload, {"property": "city"}]]},
        {"op": "=", "args": [{"op": "casei", "args": [{"property": "city"}]}, {"op": "accenti", "args": [payload]}]},
        {"op": "starts_with", "args": [{"property": "city"}, payload + "x"]},
        {"op": "like", "args": [{"property": "city"}, payload.rstrip("\\") + "z"]},
    ):
        where = expression_of(document)
        check(where, layer)
        made = statement(View(layer.id, PUBLIC, where=where), layer)
        assert "canary" not in made.text
        assert await found(reader, layer, where) == []
    for document in ({"op": "=", "args": [{"property": payload}, 1]}, {"op": "isNull", "args": [{"property": payload}]}):
        with pytest.raises(BadParameter):
            check(expression_of(document), layer)
        with pytest.raises(BadParameter):
            statement(View(layer.id, PUBLIC, where=expression_of(document)), layer)


def expression_of(document: Any) -> Expression:
    return parse_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("nothing = 1", "filter:1"), ("secret = 'x'", "filter:1"), ("oid = 1", "filter:1"), ("geom IS NULL", "filter:1"), ("floors = 'a'", "filter:10"),
        ("city = 1", "filter:8"), ("city", "filter:1"), ("floors + 1", "filter:1"), ("floors AND TRUE", "filter:1"), ("geometry = geometry", "filter:1"),
        ("S_INTERSECTS(city, POINT(1 1))", "filter:14"), ("T_DURING(built, INTERVAL('2000-01-01','..'))", "filter:10"), ("T_AFTER(city, built)", "filter:9"),
        ("A_CONTAINS(city, ('a'))", "filter:12"), ("city LIKE owner", "filter:11"), ("city LIKE 'a\\\\\\\\\\\\'", "filter:11"),
        ("city LIKE '" + "%" * 500 + "'", "filter:11"),
        ("CASEI(floors) = 'x'", "filter:7"), ("pg_sleep(9) = 1", "filter:1"), ("lower(city, owner) = 'x'", "filter:1"), ("-city = 1", "filter:2"),
        ("floors BETWEEN 'a' AND 'b'", "filter:16"), ("floors IN (1, 'a')", "filter:15"), ("T_AFTER(built, INTERVAL('2010-01-01','2000-01-01'))", "filter:16"),
        ("tags = tags", "filter:1"), ("swimming_pool > built", "filter:17"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_place(layer: Layer, text: str, place: str) -> None:
    with pytest.raises(BadParameter) as caught:
        check(parse_text(text), layer)
    assert caught.value.place == place and caught.value.message_zh != caught.value.message_en


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("floors" + " * 2" * 9 + " > 1", "filter_calculation_depth = 8"),
        ("casei(" * 9 + "city" + ")" * 9 + " = 'x'", "filter_calculation_depth = 8"),
        (" OR ".join(["1 < floors + 1"] * 25), "filter_arithmetic = 24"),
    ],
)
def test_calculations_are_bounded(layer: Layer, text: str, limit: str) -> None:
    with pytest.raises(BadParameter, match=limit):
        check(parse_text(text), layer)


@pytest.mark.parametrize(
    "text",
    [
        "casei(accenti(" * 4 + "city" + "))" * 4 + " = 'x'",
        "NOT (" * 30 + "floors = 1" + ")" * 30,
        "NOT (" * 19 + "floors" + " * 2" * 8 + " > 1" + ")" * 19,
        "(" * 28 + "floors = 1" + ") IS NULL" * 28,
    ],
)
async def test_the_deepest_filters_are_answered(reader: asyncpg.Connection, layer: Layer, text: str) -> None:
    where = parse_text(text)
    check(where, layer)
    with recursion_limit(750):
        made = statement(View(layer.id, PUBLIC, where=where), layer)
    await reader.fetch(made.text, *made.args)


@contextmanager
def recursion_limit(frames: int) -> Iterator[None]:
    """As little room as a request has left at the worst."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(frames)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def test_the_refusal_lists_what_may_be_asked(layer: Layer) -> None:
    with pytest.raises(BadParameter) as caught:
        check(parse_text("nothing = 1"), layer)
    assert "类别" in caught.value.mend and "geometry" in caught.value.mend and "secret" not in caught.value.mend


def test_masked_and_hidden_fields(layer: Layer) -> None:
    where = parse_text("floors = 1")
    with pytest.raises(BadParameter):
        check(where, layer, frozenset({"floors"}))
    with pytest.raises(BadParameter):
        statement(View(layer.id, Scope(PUBLIC.access, masked_fields=frozenset({"floors"})), where=where), layer)
    flat = layer.model_copy(update={"geometry_type": GeometryType.NONE})
    with pytest.raises(BadParameter):
        check(parse_text("geometry IS NULL"), flat)


@pytest.mark.parametrize(
    ("crs", "text", "rows"),
    [
        ("EPSG:4326", "S_INTERSECTS(geometry, POINT(22.5405 114.0505))", [0, 10, 12, 13]),
        ("http://www.opengis.net/def/crs/EPSG/0/4490", "S_INTERSECTS(geometry, BBOX(22.5402,114.0502,22.5403,114.0503))", [0, 13]),
        ("EPSG:4547", "S_WITHIN(geometry, BBOX(2493500,505100,2493720,505250))", [0, 12]),
        ("EPSG:4547", "S_WITHIN(geometry, POLYGON((2493500 505100,2493500 505250,2493720 505250,2493720 505100,2493500 505100)))", [0, 12]),
        (
            "EPSG:3857",
            "S_CONTAINS(POLYGON((12695900 2576400,12696150 2576400,12696150 2576700,12695900 2576700,12695900 2576400)), geometry)",
            [0, 12],
        ),
        ("EPSG:4546", "S_INTERSECTS(geometry, BBOX(0, -500000, 9000000, 1500000))", [0, 1, 2, 5, 6, 7, 10, 11, 12, 13]),
        ("EPSG:3857", "S_INTERSECTS(geometry, LINESTRING(-20037508 0, 20037508 20037508))", []),
    ],
)
async def test_filter_crs(reader: asyncpg.Connection, layer: Layer, crs: str, text: str, rows: list[int]) -> None:
    where = parse_text(text, filter_crs(crs))
    check(where, layer)
    assert await found(reader, layer, where) == rows


async def test_spatial_filters_use_the_index(reader: asyncpg.Connection, layer: Layer) -> None:
    await reader.execute("SET enable_seqscan = off")
    for text in ("S_INTERSECTS(geometry, BBOX(1,1,2,2))", "S_WITHIN(geometry, POLYGON((1 1,2 1,2 2,1 1)))"):
        made = statement(View(layer.id, PUBLIC, where=parse_text(text)), layer)
        plan = "\n".join(row[0] for row in await reader.fetch("EXPLAIN " + made.text, *made.args))
        assert "geom" in plan and "Index Cond" in plan, plan
    await reader.execute("RESET enable_seqscan")


async def test_random_filters_never_fail_in_the_database(reader: asyncpg.Connection, layer: Layer) -> None:
    """Arithmetic of any numbers, and every case with literals exchanged."""
    chance = random.Random(3)
    numbers = ["0", "-1", "0.5", "1e300", "-1e-300", "1e99", "3", "-2.5", "999999999999999999", "taxes", "floors", '"eo:cloud_cover"']

    def calculation(depth: int) -> str:
        if not depth:
            return chance.choice(numbers)
        return f"({calculation(depth - 1)} {chance.choice(['+', '-', '*', '/', '%', 'div', '^'])} {calculation(depth - 1)})"

    for _ in range(150):
        where = parse_text(f"{calculation(chance.randrange(1, 5))} {chance.choice(['<', '=', '>='])} {calculation(1)}")
        check(where, layer)
        await found(reader, layer, where)


async def test_deep_arithmetic_is_written_once(layer: Layer) -> None:
    deep = "floors" + " * 2" * 8
    made = statement(View(layer.id, PUBLIC, where=parse_text(f"{deep} > 1")), layer)
    assert len(made.text) < 4_000 and made.text.count('"floors"') + made.text.count(".floors") <= 4


def test_every_function_is_compiled(layer: Layer) -> None:
    from postgis.cql2_words import FUNCTIONS as COMPILED

    assert COMPILED.keys() == FUNCTIONS.keys()
    assert any(isinstance(part, Text) for part in walk(parse_text("a = 'b'")))
