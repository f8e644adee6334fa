"""Values nobody means well with: what each kind of parameter must refuse, and what every parameter must survive."""

from typing import Final

#: A word that stands in every text below which might end up in SQL, and nowhere else: it is looked for in the database's log.
MARK: Final = "zq7x"

#: Wrong for every number, whole number, moment or interval, and box in degrees.
BAD_NUMBERS: Final = (
    "", " ", "nan", "NaN", "inf", "-inf", "Infinity", "1e999", "1_000", "٣", "１", "0x10", "1,5", "--1", "+-1", "1e", ".", "e5", "1 ", "９9", "⁵",
)  # fmt: skip
BAD_INTEGERS: Final = (*BAD_NUMBERS, "1.0", "1e3", "9" * 400, "-1", "1L")
BAD_TIMES: Final = (
    "", " ", "now", "2020", "2020-13-45", "2020-13-45/..", "2020-02-30", "2021-02-29", "0000-01-01", "2020-1-1", "20200101", "2020-01-01T00:00:00",
    "2020-01-01T24:00:00Z", "2020-01-01T23:60:00Z", "2020-01-01T23:59:60Z", "2020-01-01T00:00:00+99:99", "2020-01-01T00:00:00+14:01",
    "2020-01-01T00:00:00+00:60", "2020-01-01T00:00:00 08:00", "2020-01-01 00:00:00Z", "2020-01-01T00:00Z", "2020-01-01T00:00:00,5Z",
    "2020-01-01T00:00:00.Z", "2020-01-01T00:00:00.1234567890Z", "..", "/", "2020-01-02/2020-01-01", "2020-01-01/2020-01-02/2020-01-03", "../../..", "...",
    "2020-01-01/...", "٢٠٢٠-٠١-٠١", "10000-01-01", "-2020-01-01", "0001-01-01", "0001-01-01T00:00:00+01:00", "2020-W01-1", "2020-001", "1577836800",
    "2020-01-01Z", "null", "2020-01-01/../..", "9" * 900, "9999-99-99",
)  # fmt: skip
BAD_BOXES: Final = (
    "", ",", "1", "1,2", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "nan,1,2,3", "1,nan,2,3", "inf,1,2,3", "1,2,3,1e400", "-181,0,1,1", "0,0,181,1",
    "0,-91,1,1", "0,0,1,91", "0,2,1,1", "1;2;3;4", "1 2 3 4", "1, 2,3,4", "1,2,3,", ",1,2,3", "a,b,c,d", "[1,2,3,4]", "１,2,3,4", "1_0,2,13,4",
    "0,0,9,1,1,1", "0x1,0,1,1", "1,2,3,4\n",
)  # fmt: skip
#: Bytes that are no text, as they stand on the wire.
BROKEN_TEXTS: Final = ("%00", "%ED%A0%80", "%FF", "%C0%AF", "%", "%zz", "%1", "%F5%80%80%80", f"a%00{MARK}")
#: Wrong for every filter in CQL2 text.
NOT_FILTERS: Final = (
    "", "(", ")", "1=1;--", "floors = ", "= 1", "floors = 1 OR", "floors == 1", "floors = 'x", f"'{MARK}'", "floors + 1", "nothing_like_it = 1",
    f"floors = 1) OR (SELECT 1 FROM {MARK}", "floors IN (", "floors BETWEEN 1", "NOT", "floors LIKE 1", "floors = 1e999", "floors = nan",
    "floors = 0x10", "S_INTERSECTS(geometry, POINT(1))", "S_INTERSECTS(geometry, POINT(nan 1))", "S_INTERSECTS(geometry, POLYGON((0 0)))",
    "S_INTERSECTS(geometry, POLYGON EMPTY", "S_INTERSECTS(geometry, POINT(1e400 0))", "S_INTERSECTS(geometry, 1)", "S_INTERSECTS(floors, POINT(1 2))",
    "S_INTERSECTS(geometry, BBOX(1,2,3))", "S_BUFFER(geometry, 1)", "pg_sleep(10) = 1", "T_AFTER(built, DATE('2020-02-30'))",
    "T_AFTER(built, TIMESTAMP('now'))", "T_DURING(built, INTERVAL('2021-01-01','2020-01-01'))", "T_AFTER(floors, DATE('2020-01-01'))",
    "A_CONTAINS(floors, (1))", "CASEI(1) = 1", "floors = DATE('2020-01-01')", "geometry = 1", '"floors', "floors = 1 /* */", "floors = $1", "?",
    "(" * 40 + "floors=1" + ")" * 40, "NOT " * 400 + "floors=1", "floors = " + "-" * 400 + "1", " AND ".join(["floors=1"] * 300),
    "floors IN (" + ",".join(["1"] * 1200) + ")", "名称 LIKE '" + "%" * 400 + "'", "floors " + "+ 1 " * 60 + "= 1",
)  # fmt: skip

SQL: Final = (
    f"' or '{MARK}'='{MARK}", f"'; drop table twin.object; -- {MARK}", f"1; select pg_sleep(9) -- {MARK}", f'" or "{MARK}"="{MARK}',
    f"{MARK}' union select passwd from pg_shadow --", f"{MARK}\\'; select 1; --", f"$${MARK}$$", f"{MARK}$1", f"{MARK}%s%(x)s:x{{0}}",
    f"1) or pg_sleep(9) is not null or (1={MARK}", f"{MARK}'||(select version())||'", f"/*{MARK}*/1/**/or/**/1=1", f"{MARK}::regclass",
    f"E'\\x27{MARK}'", f"(select {MARK} from twin.account)", f"{MARK}\u02bc or 1=1", f"`{MARK}`", f"0,0,1,1); select '{MARK}'",
)  # fmt: skip
_TEXTS: Final = (
    f"../../../../etc/passwd#{MARK}", f"<script>alert('{MARK}')</script>", f"{{{{{MARK}*7}}}}", f"${{jndi:ldap://{MARK}}}", "a" * 5000,
    "\u202e" + MARK, "\ud7ff\ue000" + MARK, "🏠" * 300, "e" + "\u0301" * 500, f"|ls -la;{MARK}", f"http://{MARK}.invalid/", "\ufeff" + MARK,
    "\r\nX-Injected: " + MARK, "\x1b[2J" + MARK, "-0", "-1", "1e308", "9007199254740993", "999999999999999999", "NaN", "0001-01-01/9999-12-31",
    "-180,-90,180,90", "[" * 200, '{"a":' * 100, "%25%32%37", "null", "undefined", "true", "*", ",", ",,,,", "/", ".", "//", "&", "=", "+", "\t",
)  # fmt: skip
#: Whatever a parameter is for, it meets some of these; text, to be written in the address with escapes.
EVERYWHERE: Final = (*SQL, *_TEXTS)
#: Parameters no door has.
UNKNOWN: Final = (
    "unknown=1", "Limit=1", "limit%20=1", "=1", "%00=1", "%ED%A0%80=1", "%FF=1", "%=1", "offset%5B%5D=10", "limit[]=1", "'=1", "x" * 1100 + "=1",
    "&".join(f"p{n}=1" for n in range(100)), "__proto__=1", "self=1", "oid=1", "geom=1", "valid=1", "password_hash=1", f"%27{MARK}--=1", "%2527%20OR%201=1",
)  # fmt: skip

_RING: Final = "[[114,22],[115,22],[115,23],[114,23],[114,22]]"
#: Geometries as JSON text: none of them is a place for a building.
NOT_GEOMETRIES: Final = (
    '{"type":"Polygon"}', '{"type":"Polygon","coordinates":null}', '{"type":"Polygon","coordinates":"x"}', '{"type":"Polygon","coordinates":{}}',
    '{"type":"Polygon","coordinates":[[[114,22],[115,22]]]}', '{"type":"Polygon","coordinates":[[114,22]]}', '{"type":"Polygon","coordinates":114}',
    '{"type":"Polygon","coordinates":[[["a","b"],[115,22],[115,23],["a","b"]]]}', '{"type":"Polygon","coordinates":[[[null,22],[115,22],[115,23],[114,22]]]}',
    '{"type":"Polygon","coordinates":[[[1e400,22],[115,22],[115,23],[1e400,22]]]}', '{"type":"Polygon","coordinates":[[[NaN,22],[115,22],[115,23],[NaN,22]]]}',
    '{"type":"Polygon","coordinates":[[[1e308,22],[115,22],[115,23],[1e308,22]]]}', '{"type":"Polygon","coordinates":[[[114,91],[115,22],[115,23],[114,91]]]}',
    '{"type":"Polygon","coordinates":[[[114],[115],[115],[114]]]}', '{"type":"Polygon","coordinates":[[[114,22,1,2,3,4,5],[115,22],[115,23],[114,22]]]}',
    '{"type":"Polygon","coordinates":[[[true,22],[115,22],[115,23],[true,22]]]}', '{"type":"Polygon","coordinates":[[[114,22],[114,22],[114,22],[114,22]]]}',
    '{"type":"LineString","coordinates":[[114,22]]}', '{"type":"Point","coordinates":[114,22]}', '{"type":"Point","coordinates":[]}', '{"type":"Nothing"}',
    '{"type":"polygon","coordinates":[' + _RING + "]}", '{"type":["Polygon"],"coordinates":[' + _RING + "]}", '{"type":null}', '{"coordinates":[' + _RING + "]}",
    '{"type":"GeometryCollection","geometries":[]}', '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2]}]}',
    '{"type":"CircularString","coordinates":[[0,0],[1,1],[2,0]]}', f'{{"type":"{MARK}\'--","coordinates":[]}}', "[]", '"POLYGON((0 0,1 0,1 1,0 0))"', "1", "true",
    '{"type":"MultiPolygon","coordinates":[[[[114,22]]]]}', '{"type":"Polygon","coordinates":' + "[" * 50 + "]" * 50 + "}",
    '{"type":"Polygon","coordinates":[[' + ",".join(["[114,22]"] * 60_000) + "]]}",
)  # fmt: skip
#: Geometries that may be mended or taken; either way the server lives.
ODD_GEOMETRIES: Final = (
    "null", '{"type":"Polygon","coordinates":[]}', '{"type":"Polygon","coordinates":[[[114,22],[115,23],[115,22],[114,23],[114,22]]]}',
    '{"type":"Polygon","coordinates":[[[-180,-90],[180,-90],[180,90],[-180,90],[-180,-90]]]}',
    '{"type":"Polygon","coordinates":[[[114,22],[115,22],[114.5,22],[114,22]]]}',
    '{"type":"Polygon","coordinates":[[[114,22],[115,22],[115,23],[114,23]]]}', '{"type":"Polygon","coordinates":[[[114,22,1e300],[115,22,1],[115,23,1],[114,22,1]]]}',
    '{"type":"MultiPolygon","coordinates":[]}', '{"type":"Polygon","coordinates":[' + ",".join([_RING] * 50) + "]}",
    '{"type":"Polygon","coordinates":[[[114.0000000000001,22],[114.0000000000002,22],[114.0000000000001,22.0000000000001],[114.0000000000001,22]]]}',
)  # fmt: skip
#: Bodies that are no JSON document of any door.
NOT_BODIES: Final[tuple[bytes, ...]] = (
    b"", b"null", b"[]", b'"x"', b"1", b"true", b"{", b"}", b"{}{}", b"{,}", b"{'a':1}", b'{"a":01}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1e999}', b'{"a":"\\ud800"}',
    b'{"a":"\\x"}', b'{"a":"\x00"}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"\xff{}", b'{"a":"\xc3\x28"}', b"[" * 65 + b"]" * 65, b"[" * 100_000, b'{"a":' * 5000,
    b'"' * 200_000, b'{"a":' + b"9" * 100_000 + b"}", b"<a/>", b"a=1&b=2", b"\x1f\x8b\x08\x00", b'{"__proto__":{"x":1},"constructor":1}', b'{"a":1,"a":2}',
)  # fmt: skip
#: Members of a body, as JSON text.
MEMBERS: Final = (
    "null", "[]", "{}", "[[]]", "true", "0", "-1", "1.5", "1e308", "9223372036854775808", "123456789012345678901234567890", '""', '"\\u0000"', '"\\ud83c\\udfe0"',
    '"' + "x" * 20_000 + '"', f'"\'; drop table twin.object; -- {MARK}"', f'"{MARK}\' or \'1\'=\'1"', f'"{MARK}$1 %s"', f'"../../{MARK}"', '"2020-13-45"', '"nan"',
)  # fmt: skip
#: Header values, as bytes on the wire.
HEADERS: Final[tuple[bytes, ...]] = (
    b"", b" ", b"\xff\xfe", "粤图".encode(), b"*", b'"', b'W/""', b'"' + MARK.encode() + b"' or 1=1 --\"", b"x" * 8000, b"<>", b"<http://" + MARK.encode() + b">", b"-1",
    b"bytes=0-0,-1", b"nan", b"Bearer", b"Bearer " + MARK.encode() + b"' or '1'='1", b"Basic YTpi", b"application/xml;q=nan", b"gzip;q=9,br;q=x,*", b",,,",
    b"99999999999999999999",
)  # fmt: skip
