"""Filters in both encodings, at least one for each construct of the standard's grammar and for each kind of example in it."""

from typing import Any

P = "property"


def op(name: str, *args: Any) -> dict[str, Any]:
    return {"op": name, "args": list(args)}


def prop(name: str) -> dict[str, str]:
    return {P: name}


GEOM, SPAN = prop("geometry"), {"interval": [prop("starts_at"), prop("ends_at")]}
_SPAN = "INTERVAL(starts_at, ends_at)"
_Y = ("2000-01-01T00:00:00Z", "2010-06-30T12:00:00.25Z")
_LIT = {"interval": list(_Y)}
_TEXT_LIT = f"INTERVAL('{_Y[0]}', '{_Y[1]}')"
RING = [[113.9, 22.4], [114.08, 22.4], [114.08, 22.6], [113.9, 22.6], [113.9, 22.4]]
_RING = "(" + ", ".join(f"{x} {y}" for x, y in RING) + ")"
KNOT = [[113.9, 22.4], [114.1, 22.6], [114.1, 22.4], [113.9, 22.6], [113.9, 22.4]]
_KNOT = "(" + ", ".join(f"{x} {y}" for x, y in KNOT) + ")"

BASIC: list[tuple[str, Any]] = [
    ("city='Toronto'", op("=", prop("city"), "Toronto")),
    ("\"city\" <> 'Toronto'", op("<>", prop("city"), "Toronto")),
    ("floors>5", op(">", prop("floors"), 5)),
    ("floors <= 3", op("<=", prop("floors"), 3)),
    ("taxes < 500.5", op("<", prop("taxes"), 500.5)),
    ("taxes >= -1.5E2", op(">=", prop("taxes"), -150.0)),
    ("swimming_pool = true", op("=", prop("swimming_pool"), True)),
    ("FALSE <> swimming_pool", op("<>", False, prop("swimming_pool"))),
    ("built >= date('1998-05-01')", op(">=", prop("built"), {"date": "1998-05-01"})),
    ("built = DATE('1998-05-01')", op("=", prop("built"), {"date": "1998-05-01"})),
    ("updated_at < TIMESTAMP('2012-08-10T05:30:00Z')", op("<", prop("updated_at"), {"timestamp": "2012-08-10T05:30:00Z"})),
    ("updated_at > DATE('2010-02-10')", op(">", prop("updated_at"), {"date": "2010-02-10"})),
    ("city IS NULL", op("isNull", prop("city"))),
    ("geometry IS NOT NULL", op("not", op("isNull", GEOM))),
    ("NOT taxes IS NULL", op("not", op("isNull", prop("taxes")))),
    ("floors>5 AND swimming_pool=true", op("and", op(">", prop("floors"), 5), op("=", prop("swimming_pool"), True))),
    (
        "floors>2 AND floors<9 AND taxes > 1",
        op("and", op(">", prop("floors"), 2), op("<", prop("floors"), 9), op(">", prop("taxes"), 1)),
    ),
    (
        "swimming_pool=true AND (floors>5 OR city='Toronto')",
        op("and", op("=", prop("swimming_pool"), True), op("or", op(">", prop("floors"), 5), op("=", prop("city"), "Toronto"))),
    ),
    (
        "(floors>5 AND city='Oslo') OR swimming_pool=true",
        op("or", op("and", op(">", prop("floors"), 5), op("=", prop("city"), "Oslo")), op("=", prop("swimming_pool"), True)),
    ),
    (
        "floors>5 AND city='Oslo' OR NOT (floors<5)",
        op("or", op("and", op(">", prop("floors"), 5), op("=", prop("city"), "Oslo")), op("not", op("<", prop("floors"), 5))),
    ),
    ("类别='住宅'", op("=", prop("类别"), "住宅")),
    ("\"备注 \"\"x\"\" 'y'\" = 'it''s'", op("=", prop("备注 \"x\" 'y'"), "it's")),
    ('"备注 ""x"" \'y\'" = \'it\\\'s\'', op("=", prop("备注 \"x\" 'y'"), "it's")),
    ("eo:cloud_cover=0.1 OR eo:cloud_cover=0.2", op("or", op("=", prop("eo:cloud_cover"), 0.1), op("=", prop("eo:cloud_cover"), 0.2))),
    ("TRUE", True),
    ("NOT FALSE", op("not", False)),
]
ADVANCED: list[tuple[str, Any]] = [
    ("city LIKE 'T%'", op("like", prop("city"), "T%")),
    ("city NOT LIKE '%o%'", op("not", op("like", prop("city"), "%o%"))),
    ("NOT city LIKE '_slo'", op("not", op("like", prop("city"), "_slo"))),
    ("owner LIKE '50\\%%'", op("like", prop("owner"), "50\\%%")),
    ("owner LIKE '%\\_x'", op("like", prop("owner"), "%\\_x")),
    ("taxes BETWEEN 100.0 and 150.0", op("between", prop("taxes"), 100.0, 150.0)),
    ("floors NOT BETWEEN 2 AND 4", op("not", op("between", prop("floors"), 2, 4))),
    ("city IN ('Toronto','Frankfurt','Oslo')", op("in", prop("city"), ["Toronto", "Frankfurt", "Oslo"])),
    ("floors NOT IN (1,2,3,4)", op("not", op("in", prop("floors"), [1, 2, 3, 4]))),
    ("taxes IN (1.0, 2, 120.5)", op("in", prop("taxes"), [1.0, 2, 120.5])),
    ("floors IN (taxes, 9)", op("in", prop("floors"), [prop("taxes"), 9])),
    ("built IN (DATE('1998-05-01'))", op("in", prop("built"), [{"date": "1998-05-01"}])),
    ("CASEI(city) IN (CASEI('Οδος'),CASEI('Straße'))", op("in", op("casei", prop("city")), [op("casei", "Οδος"), op("casei", "Straße")])),
    ("CASEI(city) = CASEI('tORONTO')", op("=", op("casei", prop("city")), op("casei", "tORONTO"))),
    ("CASEI(city) LIKE casei('%ORON%')", op("like", op("casei", prop("city")), op("casei", "%ORON%"))),
    ("city LIKE CASEI('OSLO')", op("like", prop("city"), op("casei", "OSLO"))),
    ("ACCENTI(city) = ACCENTI('débárquér')", op("=", op("accenti", prop("city")), op("accenti", "débárquér"))),
    (
        "CASEI(ACCENTI(city)) LIKE CASEI(ACCENTI('DÉB%'))",
        op("like", op("casei", op("accenti", prop("city"))), op("casei", op("accenti", "DÉB%"))),
    ),
]
SPATIAL: list[tuple[str, Any]] = [
    ("S_INTERSECTS(geometry,POINT(114.0505 22.5405))", op("s_intersects", GEOM, {"type": "Point", "coordinates": [114.0505, 22.5405]})),
    ("s_intersects(geometry, BBOX(114.04,22.53,114.055,22.55))", op("s_intersects", GEOM, {"bbox": [114.04, 22.53, 114.055, 22.55]})),
    ("S_WITHIN(geometry,BBOX(113.8,22.4,-10,114.055,22.55,10))", op("s_within", GEOM, {"bbox": [113.8, 22.4, -10, 114.055, 22.55, 10]})),
    ("S_INTERSECTS(geometry, BBOX(179, 0, -179, 20))", op("s_intersects", GEOM, {"bbox": [179, 0, -179, 20]})),
    ("S_INTERSECTS(geometry, BBOX(114.05, 22.54, 114.05, 22.54))", op("s_intersects", GEOM, {"bbox": [114.05, 22.54, 114.05, 22.54]})),
    (f"S_WITHIN(geometry, POLYGON({_RING}))", op("s_within", GEOM, {"type": "Polygon", "coordinates": [RING]})),
    (f"S_DISJOINT(geometry, MULTIPOLYGON(({_RING})))", op("s_disjoint", GEOM, {"type": "MultiPolygon", "coordinates": [[RING]]})),
    (f"S_INTERSECTS(geometry, POLYGON({_KNOT}))", op("s_intersects", GEOM, {"type": "Polygon", "coordinates": [KNOT]})),
    (
        "S_EQUALS(POLYGON((114.05 22.54,114.051 22.54,114.051 22.541,114.05 22.541,114.05 22.54)), geometry)",
        op(
            "s_equals",
            {"type": "Polygon", "coordinates": [[[114.05, 22.54], [114.051, 22.54], [114.051, 22.541], [114.05, 22.541], [114.05, 22.54]]]},
            GEOM,
        ),
    ),
    (
        "S_TOUCHES(geometry, LINESTRING(114.0 22.54, 114.05 22.54))",
        op("s_touches", GEOM, {"type": "LineString", "coordinates": [[114.0, 22.54], [114.05, 22.54]]}),
    ),
    (
        "S_TOUCHES(geometry, MULTILINESTRING((114.0 22.54, 114.05 22.54),(1 1, 2 2)))",
        op("s_touches", GEOM, {"type": "MultiLineString", "coordinates": [[[114.0, 22.54], [114.05, 22.54]], [[1, 1], [2, 2]]]}),
    ),
    (
        "S_CROSSES(geometry, LINESTRING(114.0 22.5405, 114.2 22.5405))",
        op("s_crosses", GEOM, {"type": "LineString", "coordinates": [[114.0, 22.5405], [114.2, 22.5405]]}),
    ),
    ("S_OVERLAPS(geometry, BBOX(114.0505,22.5,114.2,22.6))", op("s_overlaps", GEOM, {"bbox": [114.0505, 22.5, 114.2, 22.6]})),
    (
        "S_CONTAINS(geometry, POINT Z (114.0605 22.5405 3))",
        op("s_contains", GEOM, {"type": "Point", "coordinates": [114.0605, 22.5405, 3]}),
    ),
    (
        "S_EQUALS(MULTIPOINT((179.999 10)), geometry)",
        op("s_equals", {"type": "MultiPoint", "coordinates": [[179.999, 10]]}, GEOM),
    ),
    (
        "S_INTERSECTS(GEOMETRYCOLLECTION(POINT(114.0505 22.5405), LINESTRING(114.0 22.0, 114.1 22.1)), geometry)",
        op(
            "s_intersects",
            {
                "type": "GeometryCollection",
                "geometries": [
                    {"type": "Point", "coordinates": [114.0505, 22.5405]},
                    {"type": "LineString", "coordinates": [[114.0, 22.0], [114.1, 22.1]]},
                ],
            },
            GEOM,
        ),
    ),
    (
        "S_EQUALS(GEOMETRYCOLLECTION(POINT(179.999 10)), geometry)",
        op("s_equals", {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [179.999, 10]}]}, GEOM),
    ),
    ("S_WITHIN(geometry, geometry)", op("s_within", GEOM, GEOM)),
    ("S_INTERSECTS(POINT(1 1), BBOX(0,0,2,2))", op("s_intersects", {"type": "Point", "coordinates": [1, 1]}, {"bbox": [0, 0, 2, 2]})),
]
TEMPORAL: list[tuple[str, Any]] = [
    ("T_AFTER(updated_at, DATE('2010-02-10'))", op("t_after", prop("updated_at"), {"date": "2010-02-10"})),
    ("T_BEFORE(built,DATE('2015-01-01'))", op("t_before", prop("built"), {"date": "2015-01-01"})),
    ("T_BEFORE(updated_at, TIMESTAMP('2012-08-10T05:30:00.5Z'))", op("t_before", prop("updated_at"), {"timestamp": "2012-08-10T05:30:00.5Z"})),
    ("T_EQUALS(updated_at, DATE('2010-02-11'))", op("t_equals", prop("updated_at"), {"date": "2010-02-11"})),
    ("T_EQUALS(built, first_day)", op("t_equals", prop("built"), prop("first_day"))),
    (f"T_INTERSECTS(updated_at, {_TEXT_LIT})", op("t_intersects", prop("updated_at"), _LIT)),
    (f"T_DISJOINT(INTERVAL('..', '2005-01-10T01:01:01.393216Z'), {_SPAN})", op("t_disjoint", {"interval": ["..", "2005-01-10T01:01:01.393216Z"]}, SPAN)),
    ("NOT T_INTERSECTS(INTERVAL(first_day, last_day), DATE('2001-01-01'))",
     op("not", op("t_intersects", {"interval": [prop("first_day"), prop("last_day")]}, {"date": "2001-01-01"}))),
    (f"T_DURING({_SPAN}, INTERVAL('2000-01-01', '2010-06-30'))", op("t_during", SPAN, {"interval": ["2000-01-01", "2010-06-30"]})),
    (f"T_MEETS(INTERVAL('1999-01-01', '2000-01-01'), {_SPAN})", op("t_meets", {"interval": ["1999-01-01", "2000-01-01"]}, SPAN)),
    (f"T_METBY(INTERVAL('2010-06-30T12:00:00.25Z', '2010-10-07'), {_SPAN})", op("t_metBy", {"interval": [_Y[1], "2010-10-07"]}, SPAN)),
    (f"T_STARTS({_SPAN}, INTERVAL('{_Y[0]}', '..'))", op("t_starts", SPAN, {"interval": [_Y[0], ".."]})),
    (f"NOT T_STARTEDBY({_TEXT_LIT}, {_SPAN})", op("not", op("t_startedBy", _LIT, SPAN))),
    (f"T_DURING(INTERVAL('2001-07-20T20:17:40Z', '2001-07-21T17:54:00Z'), {_TEXT_LIT})",
     op("t_during", {"interval": ["2001-07-20T20:17:40Z", "2001-07-21T17:54:00Z"]}, _LIT)),
    *(
        (f"{name.upper()}({a}, {b})", op(name, x, y))
        for name in ("t_contains", "t_during", "t_finishedBy", "t_finishes", "t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts", "t_equals", "t_after", "t_before")
        for a, b, x, y in ((_SPAN, _TEXT_LIT, SPAN, _LIT), (_TEXT_LIT, _SPAN, _LIT, SPAN))
    ),
]  # fmt: skip
ARRAYS: list[tuple[str, Any]] = [
    ("A_CONTAINS(tags, ('a','b'))", op("a_contains", prop("tags"), ["a", "b"])),
    ("A_CONTAINEDBY(tags, ('a', 'b', 'c'))", op("a_containedBy", prop("tags"), ["a", "b", "c"])),
    ("A_EQUALS(('a', TRUE, 1.0, 8), tags)", op("a_equals", ["a", True, 1.0, 8], prop("tags"))),
    (
        "A_OVERLAPS(tags, (TIMESTAMP('2012-08-10T05:30:00Z'), DATE('2010-02-10'), FALSE))",
        op("a_overlaps", prop("tags"), [{"timestamp": "2012-08-10T05:30:00Z"}, {"date": "2010-02-10"}, False]),
    ),
    ("A_CONTAINS(tags, ('a'))", op("a_contains", prop("tags"), ["a"])),
    ("A_CONTAINS(tags, ())", op("a_contains", prop("tags"), [])),
    ("A_CONTAINS(tags, (city))", op("a_contains", prop("tags"), [prop("city")])),
    ("A_CONTAINS(tags, (('a', 'b'), 1))", op("a_contains", prop("tags"), [["a", "b"], 1])),
    ("NOT A_OVERLAPS(tags, ('a', floors + 1))", op("not", op("a_overlaps", prop("tags"), ["a", op("+", prop("floors"), 1)]))),
    ("A_EQUALS(('a','b'), ('b','a'))", op("a_equals", ["a", "b"], ["b", "a"])),
]
OTHER: list[tuple[str, Any]] = [
    ("taxes > (floors + 10)", op(">", prop("taxes"), op("+", prop("floors"), 10))),
    ("taxes-150.0 > 0", op(">", op("-", prop("taxes"), 150.0), 0)),
    ("taxes < floors - 10", op("<", prop("taxes"), op("-", prop("floors"), 10))),
    ("taxes <> (22.1 * floors)", op("<>", prop("taxes"), op("*", 22.1, prop("floors")))),
    ("taxes = (2 / floors)", op("=", prop("taxes"), op("/", 2, prop("floors")))),
    ("taxes <= (2 ^ floors)", op("<=", prop("taxes"), op("^", 2, prop("floors")))),
    ("0 = (floors % 2)", op("=", 0, op("%", prop("floors"), 2))),
    ("1 = (floors div 2)", op("=", 1, op("div", prop("floors"), 2))),
    ("-2 = (-5 div 2)", op("=", -2, op("div", -5, 2))),
    (
        "taxes > - floors * 2.0 + taxes / 6.1234 - eo:cloud_cover ^ 2.0",
        op(
            ">",
            prop("taxes"),
            op(
                "-",
                op("+", op("*", op("*", -1, prop("floors")), 2.0), op("/", prop("taxes"), 6.1234)),
                op("^", prop("eo:cloud_cover"), 2.0),
            ),
        ),
    ),
    ("1 / (floors - floors) IS NULL", op("isNull", op("/", 1, op("-", prop("floors"), prop("floors"))))),
    ("(0 - floors) ^ 0.5 > 0", op(">", op("^", op("-", 0, prop("floors")), 0.5), 0)),
    ("1e90 * 1e90 * 1e90 * 1e90 * floors > 0", op(">", op("*", op("*", op("*", op("*", 1e90, 1e90), 1e90), 1e90), prop("floors")), 0)),
    ("floors BETWEEN taxes AND taxes * 2", op("between", prop("floors"), prop("taxes"), op("*", prop("taxes"), 2))),
    ("city = owner", op("=", prop("city"), prop("owner"))),
    ("owner < city", op("<", prop("owner"), prop("city"))),
    ("'a' = 'a'", op("=", "a", "a")),
    ("lower(city) = 'toronto'", op("=", op("lower", prop("city")), "toronto")),
    ("starts_with(trim(upper(owner)), 'O') = TRUE", op("=", op("starts_with", op("trim", op("upper", prop("owner"))), "O"), True)),
    ("starts_with(city, 'O')", op("starts_with", prop("city"), "O")),
    ("FALSE <> starts_with(city, 'O')", op("<>", False, op("starts_with", prop("city"), "O"))),
    ("length(city) > 4", op(">", op("length", prop("city")), 4)),
    ("abs(taxes) > floor(2.5) + ceil(2.5)", op(">", op("abs", prop("taxes")), op("+", op("floor", 2.5), op("ceil", 2.5)))),
    ("year(updated_at) = 2010", op("=", op("year", prop("updated_at")), 2010)),
    ("year(built) <= 1998", op("<=", op("year", prop("built")), 1998)),
    ("S_INTERSECTS(centroid(geometry), BBOX(114.05,22.54,114.051,22.541))", op("s_intersects", op("centroid", GEOM), {"bbox": [114.05, 22.54, 114.051, 22.541]})),
    ("area(geometry) > 10000", op(">", op("area", GEOM), 10000)),
    ("perimeter(geometry) BETWEEN 300 AND 500", op("between", op("perimeter", GEOM), 300, 500)),
]  # fmt: skip
CASES = [*BASIC, *ADVANCED, *SPATIAL, *TEMPORAL, *ARRAYS, *OTHER]
