"""Hostile requests for every door of a running server: its own OpenAPI document says what there is, so a new door is covered by itself."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote
from zlib import crc32

from tests import hostile_values as values

Document = Mapping[str, Any]
_METHODS: Final = ("get", "post", "put", "patch", "delete")
#: Of the values that fit any parameter, each parameter of each door meets so many, chosen by its name; together they meet all.
_EACH_MEETS: Final = 7
_BOXES, _TIMES, _FILTERS = (
    frozenset({"bbox"}),
    frozenset({"datetime", "valid_at", "known_at", "valid_from", "from", "to"}),
    frozenset({"filter"}),
)
#: What must stand beside a parameter for it to be read at all, by the last word of the path and its name.
_BESIDE: Final[Mapping[tuple[str, str], str]] = {
    ("items", "bbox-crs"): "bbox=22,113,23,115", ("items", "cursor"): "sortby=floors", ("changes", "after"): "since=0",
    ("diff", "from"): "to=2026-01-02T00:00:00Z", ("diff", "to"): "from=2020-01-02T00:00:00Z",
    **{("diff", name): "from=2020-01-02T00:00:00Z&to=2026-01-02T00:00:00Z" for name in ("time", "after", "limit")},
}  # fmt: skip
_BESIDE_ANYWHERE: Final = {"filter-lang": "filter=floors%3D1", "filter-crs": "filter=floors%3D1"}
_WMTS: Final = "SERVICE=WMTS&REQUEST=GetTile&VERSION=1.0.0&LAYER=houses&STYLE=default&FORMAT=image/png&TILEMATRIXSET=w&TILEMATRIX=14&TILEROW=7140&TILECOL=13380"
_HEADERS: Final = (
    "Authorization", "X-API-Key", "Cookie", "X-CSRF-Token", "If-None-Match", "If-Match", "If-Modified-Since", "Content-Crs", "Content-Type", "Idempotency-Key",
    "Accept", "Accept-Encoding", "Accept-Language", "Last-Event-ID", "Range", "X-Request-Id", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix",
    "X-Forwarded-Proto", "Forwarded", "Host", "Origin", "Expect", "Content-Encoding", "X-HTTP-Method-Override",
)  # fmt: skip
FEATURE: Final = {
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [[[114.5, 22.5], [114.501, 22.5], [114.501, 22.501], [114.5, 22.5]]]},
    "properties": {"floors": 3},
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What is really there, so that only one thing about a request is wrong."""

    reads: str
    """A layer that is only read."""
    writes: str
    """A layer whose features are spent by the requests that write."""
    items: Sequence[int]
    """Features of the first."""
    spent: Sequence[int]
    """Features of the second."""
    fields: Sequence[str]
    """Fields of both."""
    product: str


@dataclass(frozen=True, slots=True)
class Case:
    """One request, what is wrong with it, and whether it must be refused."""

    method: str
    target: str
    about: str
    body: bytes | None = None
    headers: Mapping[str, bytes] = field(default_factory=dict)
    refused: bool = False
    door: str = ""
    core: bool = False
    """Sent in every round, however small."""


@dataclass(frozen=True, slots=True)
class Door:
    """One operation of the document."""

    method: str
    path: str
    about: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    def parameters(self, place: str) -> list[Mapping[str, Any]]:
        return [parameter for parameter in self.about.get("parameters", ()) if parameter["in"] == place]

    @property
    def strict(self) -> bool:
        """Whether what is wrong must be refused; dialects of others ignore what they do not know, and the page reads its own words."""
        return self.path not in ("/", "/DataServer") and "wmts" not in self.path and not self.path.startswith("/arcgis/")

    @property
    def media(self) -> Mapping[str, Any]:
        return dict(self.about.get("requestBody", {}).get("content", {}))


def doors(document: Document) -> list[Door]:
    """Every operation but the stream of events, which never ends, and HEAD and OPTIONS."""
    return [
        Door(method.upper(), path, about)
        for path, operations in document["paths"].items()
        for method, about in operations.items()
        if method in _METHODS and path != "/events"
    ]


def cases(document: Document, ground: Ground) -> list[Case]:
    """All requests, in an order that never changes."""
    makers = (in_queries, in_paths, in_headers, in_bodies)
    spent = itertools.cycle(ground.spent)
    return [case for door in doors(document) for maker in makers for case in maker(door, _Address(door, ground, spent))] + [
        *_odd_methods(document, ground)
    ]


def everyday(whole: Sequence[Case]) -> list[Case]:
    """The small round: a third of all, and at each parameter a payload made for SQL."""
    return [case for number, case in enumerate(whole) if case.core or number % 3 == 0]


class _Address:
    """Writes addresses of one door, good but for what is given."""

    def __init__(self, door: Door, ground: Ground, spent: Iterator[int]) -> None:
        self.door, self.ground = door, ground
        self._items = spent if door.writes else itertools.cycle(ground.items)

    def path(self, wrong: Mapping[str, str] | None = None) -> str:
        """The path with good values, but for those in `wrong` (raw)."""
        made = self.door.path
        for parameter in self.door.parameters("path"):
            name = parameter["name"]
            made = made.replace("{" + name + "}", (wrong or {}).get(name, self._good(name)))
        return made

    def _good(self, name: str) -> str:
        ground, path = self.ground, self.door.path
        layer = ground.writes if self.door.writes else ground.reads
        known = {
            "collection": layer, "layers": layer, "layer": layer, "name": layer, "item": str(next(self._items)), "matrix_set": "WebMercatorQuad",
            "code": "44" if path.startswith("/divisions") else ground.product, "product": ground.product, "version": "1", "catalog": "products",
            "record": ground.product, "file": "sprite.json", "grid": "WebMercatorQuad", "tileMatrixSet": "WebMercatorQuad", "TileMatrixSet": "w",
            "style": "default", "format": "png", "z": "14", "x": "13380", "y": "7140", "tileMatrix": "14", "tileRow": "7140", "tileCol": "13380",
        }  # fmt: skip
        return known.get(name, "00000000-0000-4000-8000-000000000000")

    def query(self, name: str, raw: str) -> str:
        """A query in which `name` is `raw` and the rest is good."""
        if "wmts" in self.door.path:
            kept = [pair for pair in _WMTS.split("&") if not pair.startswith(name + "=")]
            return "&".join([*kept, f"{name}={raw}"])
        beside = _BESIDE.get((self.door.path.rsplit("/", 1)[-1], name), _BESIDE_ANYWHERE.get(name, ""))
        return "&".join(filter(None, (f"{quote(name)}={raw}", beside)))

    @property
    def body(self) -> tuple[bytes | None, dict[str, bytes]]:
        """A body that may pass, with its headers."""
        if not self.door.media:
            return None, {}
        media = next(iter(self.door.media))
        made = json.dumps(_example(self.door, self.ground)).encode()
        return made, {"Content-Type": media.encode()}


def in_queries(door: Door, address: _Address) -> Iterator[Case]:
    """Each query parameter with what its kind must refuse and some of what all must survive; then parameters that do not exist."""
    body, headers = address.body
    listed = [(parameter["name"], parameter) for parameter in door.parameters("query")]
    if door.path == "/collections/{collection}/items" and not door.writes:
        listed += [(name, {"schema": {}}) for name in address.ground.fields]
    for name, parameter in listed:
        target = f"{address.path()}?{address.query(name, _for_sql(door.name + name))}"
        yield Case(door.method, target, f"{name}: SQL", body, headers, False, door.name, True)
        for raw, refused in (*_of_its_kind(name, parameter), *_of_all_kinds(door.name + name)):
            target = f"{address.path()}?{address.query(name, raw)}"
            yield Case(door.method, target, f"{name}={raw[:60]}", body, headers, refused and door.strict, door.name)
    for raw in (*values.UNKNOWN, f"{quote(listed[0][0])}=1&{quote(listed[0][0])}=2") if listed else ():
        yield Case(door.method, f"{address.path()}?{raw}", raw[:60], body, headers, door.strict, door.name)


def _of_its_kind(name: str, parameter: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """Raw values that are wrong for a parameter of this name and schema."""
    schema = parameter["schema"]
    texts: Sequence[str] = ()
    if schema.get("type") == "integer":
        texts = values.BAD_INTEGERS
    elif name in _BOXES:
        texts = values.BAD_BOXES
    elif name in _TIMES:
        texts = values.BAD_TIMES
    elif name in _FILTERS:
        texts = values.NOT_FILTERS
    elif "enum" in schema or schema.get("type") == "boolean":
        texts = ("", "x", "TRUE", "JSON", " json", f"'{values.MARK}--")
    yield from ((quote(text, safe=",:/"), True) for text in texts)
    yield from ((raw, True) for raw in values.BROKEN_TEXTS)


def _for_sql(seed: str) -> str:
    """One of the payloads made for SQL, chosen by the seed, in the address's escapes."""
    return quote(values.SQL[crc32(seed.encode()) % len(values.SQL)], safe="")


def _of_all_kinds(seed: str) -> Iterator[tuple[str, bool]]:
    """Some of the values that any parameter may meet, in the address's escapes; by the seed, so always the same."""
    start = crc32(seed.encode())
    for step in range(_EACH_MEETS):
        yield quote(values.EVERYWHERE[(start + step * 17) % len(values.EVERYWHERE)], safe="", errors="surrogatepass"), False


def in_paths(door: Door, address: _Address) -> Iterator[Case]:
    """Each part of the path with values that are nothing there."""
    body, headers = address.body
    for parameter in door.parameters("path"):
        name = parameter["name"]
        broken = [(raw, True) for raw in (*values.BROKEN_TEXTS, "..%2f..%2fetc%2fpasswd", "%2e%2e", "a%5cb", "x" * 5000)]
        numbers = [(quote(text), False) for text in values.BAD_INTEGERS if parameter["schema"].get("type") == "integer" and text]
        yield Case(door.method, address.path({name: _for_sql(door.name)}), f"{{{name}}}: SQL", body, headers, False, door.name, True)
        for raw, refused in (*broken, *numbers, *_of_all_kinds(door.name + name)):
            if raw not in (".", ""):
                yield Case(
                    door.method, address.path({name: raw}), f"{{{name}}}={raw[:60]}", body, headers, refused and door.strict, door.name
                )


def in_headers(door: Door, address: _Address) -> Iterator[Case]:
    """Each header we or any proxy might read, with one value of the list at each door; together all."""
    body, good = address.body
    for number, name in enumerate(_HEADERS):
        value = values.HEADERS[(crc32(door.name.encode()) + number * 5) % len(values.HEADERS)]
        yield Case(door.method, address.path(), f"{name}: {value[:40]!r}", body, {**good, name: value}, False, door.name)


def in_bodies(door: Door, address: _Address) -> Iterator[Case]:
    """Bodies that are none, of the wrong media type, and with each member wrong."""
    for media, about in door.media.items():
        as_media = {"Content-Type": media.encode()}
        refused = media != "application/merge-patch+json" and "multipart" not in media and "ndjson" not in media
        for made in values.NOT_BODIES:
            yield Case(door.method, address.path(), f"body {made[:30]!r}", made, as_media, refused and made != b"{}", door.name)
        for wrong in (
            "",
            "text/plain",
            "application/json; charset=utf-16",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            f"{values.MARK}/x",
            "*/*",
        ):
            yield Case(door.method, address.path(), f"as {wrong}", b"{}", {"Content-Type": wrong.encode()}, False, door.name)
        if "multipart" in media:
            yield from _forms(door, address)
        else:
            for made, what in _with_wrong_members(media, about, door, address.ground):
                yield Case(door.method, address.path(), what, made, as_media, False, door.name)


def _with_wrong_members(media: str, about: Mapping[str, Any], door: Door, ground: Ground) -> Iterator[tuple[bytes, str]]:
    """The good body with one member wrong at a time; features and lines of features in their own ways."""
    whole = _example(door, ground)
    if media == "application/x-ndjson":
        yield from _lines(ground)
        return
    if media in ("application/geo+json", "application/merge-patch+json"):
        yield from _features(ground)
    for name in {**about["schema"].get("properties", {}), **whole, "x" * 300: 0, f"'; -- {values.MARK}": 0}:
        for text in values.MEMBERS:
            yield _replaced(whole, name, text), f"body.{name[:40]} = {text[:40]}"


def _replaced(whole: Mapping[str, Any], name: str, text: str) -> bytes:
    """JSON of an object in which one member is `text`, which may be no JSON at all."""
    rest = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in whole.items() if key != name)
    return f"{{{json.dumps(name)}:{text}{rest}}}".encode()


def _features(ground: Ground) -> Iterator[tuple[bytes, str]]:
    """Features with odd geometries and with odd values for every field."""
    for text in (*values.NOT_GEOMETRIES, *values.ODD_GEOMETRIES):
        yield _replaced(FEATURE, "geometry", text), f"geometry {text[:60]}"
    for name in (*ground.fields, f"{values.MARK}'--", "geom", "oid"):
        for text in values.MEMBERS:
            properties = f"{{{json.dumps(name)}:{text}}}"
            yield _replaced(FEATURE, "properties", properties), f"{name} = {text[:40]}"


def _lines(ground: Ground) -> Iterator[tuple[bytes, str]]:
    """Transactions of one odd line, and of many."""
    good = {"action": "update", "id": ground.spent[0], "feature": {"properties": {"floors": 1}}, "if_match": "*"}
    for name in (*good, "nothing"):
        for text in (*values.MEMBERS, f'"{values.MARK}\'--"'):
            yield _replaced(good, name, text), f"line.{name} = {text[:40]}"
    create = {"action": "create", "feature": FEATURE}
    for made, what in _features(ground):
        yield _replaced(create, "feature", made.decode()), f"line: {what}"
    for made in values.NOT_BODIES:
        yield json.dumps(create).encode() + b"\n" + made + b"\n", f"line {made[:30]!r}"


def _forms(door: Door, address: _Address) -> Iterator[Case]:
    """Forms that are cut, doubled, without a name, and options that are none; no file that a reader would be started for."""
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    file = part % (b"file", b'; filename="a.geojson"', b"{}")
    many = [
        b"",
        b"--b--",
        b"--b\r\n",
        file,
        b"--c--\r\n" + file,
        part % (b"x", b"", b"y") + b"--b--\r\n",
        part % (b"file", b"", b"y") + b"--b--\r\n",
    ]
    many += [
        part % (b"file", b'; filename="%s"' % name, b"{}") + b"--b--\r\n"
        for name in (b"", b"..", b"a.exe", b"/", b"\x00", b"a.vrt", b"\xff")
    ]
    many += [file + file + b"--b--\r\n", file * 20 + b"--b--\r\n", part % (b"options", b"", b"x" * 70_000) + file + b"--b--\r\n"]
    options = [
        '"x"',
        "[]",
        "{",
        f'{{"layer":"{values.MARK}\'; --"}}',
        '{"layer":1}',
        '{"nothing":1}',
        '{"datum":"mars"}',
        '{"layer":"../x"}',
        "[" * 100,
    ]
    many += [part % (b"options", b"", text.encode()) + file + b"--b--\r\n" for text in options]
    headers = {"Content-Type": b"multipart/form-data; boundary=b"}
    return (Case(door.method, address.path(), f"form {made[-60:]!r}", made, headers, True, door.name) for made in many)


def _example(door: Door, ground: Ground) -> dict[str, Any]:
    """A body of this door that may pass, as far as one is known; an empty object otherwise."""
    if any("geo+json" in media or "merge-patch" in media for media in door.media):
        return dict(FEATURE)
    known: dict[str, dict[str, Any]] = {
        "/login": {"name": "admin", "password": values.MARK},
        "/password": {"old": values.MARK, "new": values.MARK},
        "/imports": {"upload": "0" * 64, "options": {}},
        "/imports/preview": {"upload": "0" * 64, "options": {}},
        "/import-schedules": {"path": "a.geojson", "every_s": 3600, "options": {}},
        "/products/{code}": {"code": ground.product, "title_zh": "房屋", "layers": []},
    }
    return known.get(door.path, {})


def _odd_methods(document: Document, ground: Ground) -> Iterator[Case]:
    """Methods an address does not have; of its own ones only those the document leaves out."""
    spent = itertools.cycle(ground.spent)
    for path, operations in document["paths"].items():
        door = Door("GET", path, next(iter(operations.values())))
        for method in ("POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "X" * 40):
            if method.lower() not in operations and path != "/events":
                yield Case(method, _Address(door, ground, spent).path(), f"method {method}", None, {}, True, f"{method} {path}")
