"""View: the one frozen value that travels from every door to the SQL, and Scope: what its caller may see."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from twin.cql2.nodes import Expression
from twin.grids import Grid
from twin.layer import Access, Bounds


@dataclass(frozen=True, slots=True)
class Scope:
    """The compiled answer to "what may this caller see"; `key` is part of every cache and coalescing key."""

    access: frozenset[Access]
    divisions: tuple[str, ...] = ()
    """Division code prefixes the caller is bound to; empty means no bound."""
    masked_fields: frozenset[str] = frozenset()
    area_4490: Bounds | None = None

    @property
    def key(self) -> str:
        """Canonical text of the scope: equal scopes, equal keys."""
        return "|".join(
            (
                ",".join(sorted(self.access)),
                ",".join(sorted(self.divisions)),
                ",".join(sorted(self.masked_fields)),
                "" if self.area_4490 is None else ",".join(map(repr, self.area_4490)),
            )
        )

    def may_read(self, access: Access) -> bool:
        """Whether a layer of this access class is visible at all."""
        return access in self.access


PUBLIC = Scope(access=frozenset({Access.PUBLIC}))
EVERYTHING = Scope(access=frozenset(Access))


@dataclass(frozen=True, slots=True)
class Equals:
    """A filter term: field = value, the value already parsed to the field's type."""

    field: str
    value: str | int | float | bool | datetime


@dataclass(frozen=True, slots=True)
class Bbox:
    """An area: minx, miny, maxx, maxy in EPSG:4490 degrees; x may wrap (minx > maxx crosses the antimeridian)."""

    bounds_4490: Bounds


@dataclass(frozen=True, slots=True)
class TileArea:
    """An area: one tile of `grid`, widened by `buffer` / 4096 of its width."""

    z: int
    x: int
    y: int
    buffer: int = 64
    grid: Grid = Grid.WEB_MERCATOR


@dataclass(frozen=True, slots=True)
class ProjectedBox:
    """An area: minx, miny, maxx, maxy (easting first, metres) in the projected system `epsg`; its edges are straight there."""

    bounds: Bounds
    epsg: int


@dataclass(frozen=True, slots=True)
class SortKey:
    """Rows in order of `field`; rows without a value come last, whichever way it runs."""

    field: str
    descending: bool = False


SortValue = str | int | float | bool | date | datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Keyset page: at most `limit` rows after the row `after_oid`, which has the values `after` of the view's sort keys."""

    limit: int = 10
    after_oid: int = 0
    after: tuple[SortValue, ...] | None = None
    """None: from the first row."""
    nulls: bool = False
    """Of a sorted view: the rows without a value for the first key, which come after all others."""


class GeometryForm(StrEnum):
    """In what a row's geometry comes."""

    GEOJSON = "geojson"
    WKT = "wkt"
    WKB = "wkb"


@dataclass(frozen=True, slots=True)
class Drawing:
    """How geometries are written."""

    north_first: bool = False
    """Latitude or northing before longitude or easting."""
    flat: bool = False
    """Without heights, even where there are some."""
    skip: bool = False
    """No geometry at all."""
    simplify_m: float | None = None
    """Leave out vertices that matter less than this many metres."""
    form: GeometryForm = GeometryForm.GEOJSON
    level: bool = False
    """Every geometry with heights: NaN where none is known, for formats whose rows must all be alike."""


PLAIN = Drawing()


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A closed real-world interval; None is open. An instant has start == end."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    """What is asked for: which rows of one layer, as of when, in which shape, for whom."""

    layer: str
    scope: Scope
    area: Bbox | TileArea | ProjectedBox | None = None
    valid_at: TimeSpan | None = None
    """None: now."""
    known_at: datetime | None = None
    """None: what is known now."""
    plan: str | None = None
    """None: facts only; otherwise facts overlaid by this plan's objects."""
    filters: tuple[Equals, ...] = ()
    where: Expression | None = None
    """A CQL2 filter that `layers.cql2.check` found sound for the layer."""
    fields: tuple[str, ...] | None = None
    """None: all the scope shows."""
    oid: int | None = None
    crs: int = 4490
    page: Page | None = field(default=None)
    sort: tuple[SortKey, ...] = ()
    """None given: in order of oid."""
    drawing: Drawing = PLAIN
    stamped: bool = False
    """Rows say since when they are known, as the column `sys`."""
