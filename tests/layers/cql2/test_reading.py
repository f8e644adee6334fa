"""CQL2 text and JSON: every construct in both, there and back, and what no crafted filter may do."""

import json
import random
import string
from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.cql2.json_text import parse_json
from layers.cql2.systems import filter_crs
from layers.cql2.text import parse_text
from layers.cql2.writing import to_json, to_text
from tests.cql2_cases import CASES
from twin.cql2.limits import FILTER_DEPTH, FILTER_LIST, FILTER_NODES, FILTER_VERTICES, Budget
from twin.cql2.names import FUNCTIONS, GEOMETRIES, NAMED
from twin.cql2.nodes import Call, Expression, Number, Property, Text, walk
from twin.errors import BadParameter


@pytest.mark.parametrize(("text", "document"), CASES, ids=[text for text, _ in CASES])
def test_text_and_json_say_the_same(text: str, document: Any) -> None:
    expression = parse_text(text)
    assert parse_json(json.dumps(document)) == expression
    assert parse_text(to_text(expression)) == expression == parse_json(to_json(expression))
    assert hash(parse_text(to_text(expression))) == hash(expression)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a=1 or b=2 and not c=3", "a = 1 OR (b = 2 AND (NOT c = 3))"),
        ("- a ^ 2 = 1", "((-1 * a) ^ 2) = 1"),
        ("a - 1 - 1 = 0", "((a - 1) - 1) = 0"),
        ("a\u3000=\u00a01", "a = 1"),
        ("date = 1 and point = 2", '"date" = 1 AND "point" = 2'),
        ("a = '\\t\\\\%\\%'", "a = '\t\\\\%\\\\%'"),
        ("x IN ('a')", "x IN (('a'))"[:0] + "x IN ( 'a' )"),
        ("MULTIPOINT(1 2, 3 4) IS NULL", "MULTIPOINT((1 2), (3 4)) IS NULL"),
        ("a = TIMESTAMP('2020-01-01T08:00:00+08:00')", "a = TIMESTAMP('2020-01-01T00:00:00Z')"),
        ("a = +5. AND b = .5", "a = 5.0 AND b = 0.5"),
    ],
)
def test_the_grammar(text: str, same: str) -> None:
    assert to_text(parse_text(text)) == to_text(parse_text(same))


def test_the_standard_examples_words_are_known() -> None:
    used = {part.op for text, _ in CASES for part in walk(parse_text(text)) if isinstance(part, Call)}
    assert set(NAMED) <= used and set(FUNCTIONS) <= used
    assert all(any(kind in text for text, _ in CASES) for kind in GEOMETRIES)


def test_places() -> None:
    for text, place in (
        ("a = ", "filter:5"),
        ("a = 1 b", "filter:7"),
        ("S_EQUALS(a, POINT(1 x))", "filter:21"),
        ("a = DATE('2020-02-30')", "filter:5"),
    ):
        with pytest.raises(BadParameter) as caught:
            parse_text(text)
        assert caught.value.place == place and caught.value.mend and caught.value.message_zh != caught.value.message_en
    with pytest.raises(BadParameter) as caught:
        parse_json('{"op":"and","args":[true,{"op":"=","args":[1,{"date":"x"}]}]}')
    assert caught.value.place == "filter/args/1/args/1"


HOSTILE = [
    "(" * 30 + "a=1", "(" * 2000 + "a=1" + ")" * 2000, "(" * 16384, "NOT " * 4000 + "a=1", "NOT(" * 4000, "-" * 16384, "a" + "^2" * 8000,
    "a=1" + " AND a=1" * 2000, "a" + "+1" * 8000, "a IN (" + "1," * 8000, "a IN ((((((((", "f(" * 8000, "A_EQUALS(" + "(" * 16000,
    "'" * 16383, '"' * 16383, "a='" + "\\" * 16000, "POLYGON(" + "(" * 16000, "POINT(nan nan)", "POINT(inf 1)", "POINT(1e999 1)", "POINT(181 0)",
    "POINT(1 2 3 4)", "POLYGON((0 0,1 1,0 0))", "POLYGON((0 0,1 1,2 0,0 1))", "LINESTRING(0 0)", "BBOX(1,2,3)", "BBOX(0,1,0,0)", "a=1e400",
    "a=" + "9" * 400, "a=1_000", "a=0x10", "a == 1", "a = 1;", "a = $1", "a = ?", "a = 'x", "a LIKE", "a BETWEEN 1", "a IS 1", "a IN 1",
    "INTERVAL('..')", "INTERVAL(" * 1800, "DATE(1)", "DATE('2020-13-01')", "TIMESTAMP('2020-01-01T24:00:00Z')", "TIMESTAMP('2020-01-01T00:00:00')",
    "TIMESTAMP('0001-01-01T00:00:00+14:00')", "DATE('二〇二〇-01-01')", "", " " * 16384, "a" * 16385, "a=1 /* */", "a.b()c", "\x00", "\ud800",
    "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2)))", "CASEI('a','b')", "S_INTERSECTS(a)", "a=b=c", "a NOT 1", "EXEC('x')x", "BBOX(" + "1," * 8000,
]  # fmt: skip
HOSTILE_JSON = [
    "[" * 16384, "[" * 900 + "]" * 900, '{"op":"not","args":[' * 400 + "true" + "]}" * 400, "{" * 100, "null", "{}", "NaN", "1e999", "[Infinity]",
    '"\\u0000"', '"\\ud800"', '{"property":""}', '{"property":1}', '{"op":1,"args":[]}', '{"op":"and","args":[]}', '{"op":"and","args":{}}',
    '{"op":"a b","args":[]}', '{"op":"like","args":["a"]}', '{"op":"in","args":[1,2]}', '{"op":"in","args":[1,[' + "1," * 1000 + "1]]}",
    '{"type":"Point","coordinates":[[1,2]]}', '{"type":"Point","coordinates":[1]}', '{"type":"Point","coordinates":[true,false]}',
    '{"type":"Polygon","coordinates":' + "[" * 200 + "]" * 200 + "}", '{"type":[],"coordinates":[]}', '{"type":"GeometryCollection","geometries":[{"type":[]}]}',
    '{"type":"GeometryCollection","geometries":[{"type":"GeometryCollection","geometries":[]}]}', '{"bbox":[1,2]}', '{"bbox":"1,2,3,4"}',
    '{"interval":[1,2]}', '{"interval":["..",".."],"x":1}', '{"date":null}', '{"timestamp":"x"}', '{"op":"=","args":[1,1],"extra":1}', "",
    '{"type":"MultiPoint","coordinates":[' + "[1,2]," * 2000 + "[1,null]]}",
]  # fmt: skip


@pytest.mark.parametrize(("parse", "text"), [(parse_text, text) for text in HOSTILE] + [(parse_json, text) for text in HOSTILE_JSON])
def test_crafted_filters_are_refused_before_much_work(parse: Any, text: str) -> None:
    budget = Budget()
    with pytest.raises(BadParameter):
        parse(text, budget=budget)
    assert budget.nodes <= FILTER_NODES + 1 and budget.depth <= FILTER_DEPTH + 1
    assert budget.steps <= 2 * max(FILTER_LIST, 1) + 2 * FILTER_NODES + 16 or "POI" in text.upper()


@pytest.mark.parametrize(
    ("text", "limit"),
    [("(" * 40 + "a=1" + ")" * 40, "filter_depth = 32"), ("a" + "+1" * 200, "filter_nodes = 256"), ("a" + "+1" * 60, "filter_depth = 32"),
     ("a IN (" + ",".join(["1"] * 1001) + ")", "filter_list = 1000"), ("a = '" + "x" * 16384 + "'", "filter_bytes = 16384")],
)  # fmt: skip
def test_limits_are_cited_by_name_and_value(text: str, limit: str) -> None:
    with pytest.raises(BadParameter, match=limit) as caught:
        parse_text(text)
    assert limit in caught.value.message_zh


def test_vertices_are_bounded() -> None:
    budget = Budget(vertices=FILTER_VERTICES - 1)
    with pytest.raises(BadParameter, match="filter_vertices = 10000"):
        parse_text("LINESTRING(0 0, 1 1)", budget=budget)


def test_a_full_list_is_taken() -> None:
    text = "a IN (" + ",".join(["1"] * FILTER_LIST) + ")"
    assert len(parse_text(text).args[1].items) == FILTER_LIST  # type: ignore[union-attr]


@pytest.mark.parametrize("piece", ["a=1 AND ", "NOT ", "(", "1,", "'a' ", "POINT(1 1) ", "a+", "f(", "\\", "'"])
def test_work_grows_with_the_text(piece: str) -> None:
    """Words taken are at most the characters there are: nothing is read twice."""
    for length in (100, 1000, 10_000):
        text, budget = (piece * length)[:length], Budget()
        with suppress(BadParameter):
            parse_text(text, budget=budget)
        assert budget.steps <= length


def test_filter_crs_axis_order() -> None:
    for name in ("http://www.opengis.net/def/crs/EPSG/0/4326", "EPSG:4490", "[EPSG:4326]"):
        assert parse_text("POINT(22 114)", filter_crs(name)).coordinates == (22.0, 114.0)  # type: ignore[union-attr]
        with pytest.raises(BadParameter):
            parse_text("POINT(114 22)", filter_crs(name))
    with pytest.raises(BadParameter) as caught:
        filter_crs("EPSG:4269'--")
    assert caught.value.place == "filter-crs" and "4547" in caught.value.mend


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6)
_ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
_LONLAT = st.tuples(st.floats(-180, 180), st.floats(-90, 90)).map(list)
_LEAF: st.SearchStrategy[Any] = st.one_of(
    st.builds(prop := (lambda name: {"property": name}), _NAMES),
    _ANY_TEXT,
    st.booleans(),
    st.integers(-(10**18) + 1, 10**18 - 1),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.dates().map(lambda day: {"date": day.isoformat()}),
    st.datetimes().map(lambda moment: {"timestamp": moment.isoformat() + "Z"}),
    _LONLAT.map(lambda point: {"type": "Point", "coordinates": point}),
    st.lists(_LONLAT, min_size=2, max_size=4).map(lambda line: {"type": "LineString", "coordinates": line}),
    st.lists(_LONLAT, min_size=1, max_size=3).map(lambda points: {"type": "MultiPoint", "coordinates": points}),
    st.lists(_LONLAT, min_size=3, max_size=5).map(lambda ring: {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}),
    _LONLAT.map(lambda p: {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": p}]}),
    st.tuples(st.floats(-180, 180), st.floats(-90, 0), st.floats(-180, 180), st.floats(0, 90)).map(lambda box: {"bbox": list(box)}),
    st.tuples(st.dates().map(str) | st.just("..") | _NAMES.map(prop), st.just("..") | _NAMES.map(prop)).map(
        lambda ends: {"interval": list(ends)}
    ),
)


def _calls(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    def of(names: list[str], *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.builds(lambda name, *found: {"op": name, "args": list(found)}, st.sampled_from(names), *args)

    items = st.lists(inner, max_size=3)
    return st.one_of(
        of(["=", "<>", "<=", "+", "-", "*", "/", "%", "div", "^", "like", "and", "or", "s_within", "t_metBy", "a_equals"], inner, inner),
        of(["and", "or", "between"], inner, inner, inner),
        of(["not", "isNull", "casei", "accenti", "Foo", "面积"], inner),
        of(["in", "a_overlaps"], inner, items),
        of(["Foo"], items, inner),
        items,
    )


@settings(max_examples=400, deadline=None)
@given(st.recursive(_LEAF, _calls, max_leaves=12))
def test_any_expression_goes_there_and_back(document: Any) -> None:
    try:
        expression = parse_json(orjson.dumps(document).decode())
    except BadParameter:
        return
    assert parse_json(to_json(expression)) == expression
    text = to_text(expression)
    if len(text.encode()) <= 16_384:
        assert parse_text(text) == expression and to_text(parse_text(text)) == text


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(
    ["a", "'b'", "1", "-", "+", "*", "^", "(", ")", ",", "AND", "OR", "NOT", "IN", "LIKE", "IS", "NULL", "BETWEEN", "DATE", "INTERVAL", "'..'", "POINT",
     "POLYGON", "Z", "BBOX", "A_EQUALS", "CASEI", "f", "=", "<>", "TRUE", "div", "%", '"q"', "GEOMETRYCOLLECTION", "''", "\\"]), max_size=24).map(" ".join)))  # fmt: skip
def test_no_text_raises_anything_else(text: str) -> None:
    try:
        expression = parse_text(text)
    except BadParameter:
        return
    assert parse_text(to_text(expression)) == expression == parse_json(to_json(expression))


_JSON_LEAF = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
_KEYS = st.sampled_from(["op", "args", "property", "type", "coordinates", "geometries", "bbox", "interval", "date", "timestamp", "x"])
_WORDS = st.sampled_from(["Point", "Polygon", "GeometryCollection", "and", "in", "like", "casei", "..", "2020-01-01", "f"])


@settings(max_examples=400, deadline=None)
@given(
    st.recursive(_JSON_LEAF | _WORDS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=3), max_leaves=20)
)
def test_no_json_raises_anything_else(document: Any) -> None:
    try:
        expression = parse_json(json.dumps(document))
    except BadParameter:
        return
    assert parse_json(to_json(expression)) == expression


def test_mutated_examples_raise_nothing_else() -> None:
    chance = random.Random(7)
    for text, _ in CASES:
        for _ in range(20):
            at = chance.randrange(len(text) + 1)
            mutated = text[:at] + chance.choice(string.printable + "“（，") + text[at + chance.randrange(2) :]
            try:
                found: Expression = parse_text(mutated)
            except BadParameter:
                continue
            assert parse_text(to_text(found)) == found


def test_values_of_different_types_differ() -> None:
    assert parse_text("TRUE") != parse_text("1") and parse_text("'1'") != parse_text("1")
    assert parse_text("a=1") == Call("=", (Property("a"), Number(1))) != Call("=", (Property("a"), Text("1")))
