"""The tables of schema `twin` for SQLAlchemy and for readers: one line a column. A test compares them with the live schema.

Files in `schema/` make them; this only describes them. The members of `object`, `object_past` and `shape` have the columns of their parent.
"""

from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP, TSTZRANGE
from sqlalchemy.types import TypeEngine, UserDefinedType

metadata = MetaData(schema="twin")

_Type = TypeEngine[Any] | type[TypeEngine[Any]]
_Instant = TIMESTAMP(timezone=True)


class Ltree(UserDefinedType[str]):
    """A path of labels, of the extension ltree."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in SQL."""
        return "ltree"


def _geometry(kind: str) -> Geometry:
    """A geometry column type in EPSG:4490."""
    return Geometry(kind, srid=4490, dimension=3 if kind.endswith("Z") else 2, spatial_index=False)


def _key(name: str, type_: _Type) -> Column[Any]:
    return Column(name, type_, primary_key=True, autoincrement=False)


def _must(name: str, type_: _Type) -> Column[Any]:
    return Column(name, type_, nullable=False)


def _may(name: str, type_: _Type) -> Column[Any]:
    return Column(name, type_)


def _versions(name: str) -> Table:
    """The shape that live and past rows share."""
    return Table(
        name,
        metadata,
        _must("layer", Integer),
        _must("oid", BigInteger),
        *(_may(text, Text) for text in ("code", "class", "name")),
        _may("parent_oid", BigInteger),
        _may("division", Text),
        _may("geom", _geometry("GEOMETRY")),
        _may("zmin", Double),
        _may("zmax", Double),
        _must("attrs", JSONB),
        _may("psets", JSONB),
        _must("valid", TSTZRANGE),
        _must("sys", TSTZRANGE),
        *(_may(text, Text) for text in ("phase", "plan", "source", "source_key")),
        _may("content_hash", LargeBinary),
    )


object_live = _versions("object")
object_past = _versions("object_past")

shape = Table(
    "shape",
    metadata,
    _must("layer", Integer),
    _must("oid", BigInteger),
    _must("lod", Text),
    _must("geom", _geometry("GEOMETRYZ")),
    _must("valid", TSTZRANGE),
    _must("sys", TSTZRANGE),
)

layer = Table(
    "layer",
    metadata,
    _key("number", Integer),
    *(_must(text, Text) for text in ("id", "kind", "title_zh", "title_en", "description_zh", "geometry_type")),
    _must("fields", JSONB),
    _may("bounds", ARRAY(Double)),
    _may("time_from", _Instant),
    _may("time_to", _Instant),
    _must("count", BigInteger),
    _must("min_zoom", Integer),
    _must("max_zoom", Integer),
    _must("access", Text),
    _must("synthetic", Boolean),
    *(_must(text, Text) for text in ("attribution", "licence", "accuracy_note_zh")),
    _must("updated_at", _Instant),
    _must("extent_epoch", BigInteger),
    _must("vertical_datum", Text),
)

tile_archive = Table(
    "tile_archive",
    metadata,
    _key("layer", Integer),
    _must("sha256", LargeBinary),
    _must("size", BigInteger),
    _must("vector_layers", JSONB),
)

layer_epoch = Table("layer_epoch", metadata, _key("layer", Integer), _must("epoch", BigInteger), _must("at", _Instant))
cell_epoch = Table("cell_epoch", metadata, _key("layer", Integer), _key("cell", BigInteger), _must("epoch", BigInteger))
due = Table("due", metadata, _must("layer", Integer), _must("at", _Instant))

tile_state = Table(
    "tile_state",
    metadata,
    _key("layer", Integer),
    _must("generation", BigInteger),
    _must("base", Text),
    _must("overview", Text),
    _may("built_at", _Instant),
    _must("body", Text),
)
tile_note = Table("tile_note", metadata, _must("layer", Integer), _may("oid", BigInteger))

overview = Table(
    "overview", metadata, _key("layer", Integer), _must("kind", Text), *(_must(name, BigInteger) for name in ("generation", "seen"))
)

overview_dirty = Table(
    "overview_dirty",
    metadata,
    _must("layer", Integer),
    *(_must(name, BigInteger) for name in ("oid", "quad")),
    *(_must(side, Double) for side in ("west", "south", "east", "north")),
)

outbox = Table(
    "outbox",
    metadata,
    _key("id", BigInteger),
    _may("seq", BigInteger),
    _must("topic", Text),
    _may("layer", Integer),
    _may("cells", ARRAY(BigInteger)),
    _must("payload", JSONB),
    _must("at", _Instant),
)

entity = Table("entity", metadata, _key("code", Text), _must("oid", BigInteger))
tree = Table("tree", metadata, _key("oid", BigInteger), _must("path", Ltree()))

relation = Table(
    "relation",
    metadata,
    _key("from_oid", BigInteger),
    _key("to_oid", BigInteger),
    _key("kind", Text),
    _must("attrs", JSONB),
    _must("valid", TSTZRANGE),
)

mesh = Table("mesh", metadata, _key("sha256", LargeBinary), _must("triangles", Integer), _must("size", BigInteger))
mesh_use = Table(
    "mesh_use",
    metadata,
    _must("layer", Integer),
    _must("oid", BigInteger),
    _must("lod", Text),
    _must("sha256", LargeBinary),
    _must("matrix", ARRAY(Double)),
    _must("origin", _geometry("POINTZ")),
    _must("valid", TSTZRANGE),
)

import_run = Table(
    "import_run",
    metadata,
    _key("id", Uuid),
    _must("layer_id", Text),
    _may("layer", Integer),
    _must("source", Text),
    _must("status", Text),
    _must("started", _Instant),
    _may("finished", _Instant),
    _may("report", JSONB),
    _may("moment", _Instant),
    _may("layer_before", JSONB),
    _may("layer_after", JSONB),
    _may("undone_by", Uuid),
    _may("undo_of", Uuid),
)

import_touch = Table(
    "import_touch",
    metadata,
    _must("run", Uuid),
    _must("oid", BigInteger),
    _must("valid", TSTZRANGE),
    _may("known", _Instant),
    _may("cut", _Instant),
)

import_schedule = Table(
    "import_schedule",
    metadata,
    _key("id", Uuid),
    _must("path", Text),
    _must("options", JSONB),
    _must("every_s", Integer),
    _must("starts_at", _Instant),
    _must("next_at", _Instant),
    _must("created_by", Text),
    _must("created_at", _Instant),
    _may("deleted_by", Text),
    _may("deleted_at", _Instant),
    _must("seen", JSONB),
    _may("last_job", Uuid),
    _may("last_at", _Instant),
    _may("last_status", Text),
    _may("last_result", JSONB),
)

import_finding = Table(
    "import_finding",
    metadata,
    _key("id", BigInteger),
    _must("run", Uuid),
    _may("row", BigInteger),
    _may("source_key", Text),
    *(_must(text, Text) for text in ("rule", "severity", "detail_zh", "detail_en")),
    _may("lon", Double),
    _may("lat", Double),
)

division = Table(
    "division",
    metadata,
    _must("code", Text),
    _must("level", SmallInteger),
    _must("name_zh", Text),
    _must("name_en", Text),
    _may("parent_code", Text),
    _may("geom", _geometry("MULTIPOLYGON")),
    _may("centroid", _geometry("POINT")),
    _must("valid", TSTZRANGE),
    _must("source", Text),
)
division_part = Table("division_part", metadata, _must("code", Text), _must("level", SmallInteger), _must("geom", _geometry("POLYGON")))

product = Table(
    "product",
    metadata,
    _key("code", Text),
    _key("version", Integer),
    _must("card", JSONB),
    *(_must(text, Text) for text in ("status", "title_zh", "theme", "division")),
    _must("updated_at", _Instant),
)

blob = Table(
    "blob",
    metadata,
    _key("sha256", LargeBinary),
    _must("size", BigInteger),
    _must("media_type", Text),
    _must("name", Text),
    _must("created_at", _Instant),
)

search = Table(
    "search",
    metadata,
    _must("kind", Text),
    _must("ref", Text),
    _may("layer", Integer),
    _may("oid", BigInteger),
    _must("title", Text),
    _must("subtitle", Text),
    _must("code", Text),
    _may("division", Text),
    *(_must(text, Text) for text in ("title_key", "code_key", "more_key")),
    _must("grams", ARRAY(Text)),
    _must("rank", REAL),
    _may("point", _geometry("POINT")),
    _may("bounds", ARRAY(Double)),
)

job = Table(
    "job",
    metadata,
    _key("id", Uuid),
    _must("kind", Text),
    _must("args", JSONB),
    _must("status", Text),
    _must("done", BigInteger),
    _may("total", BigInteger),
    _must("step_zh", Text),
    _must("step_en", Text),
    _may("result", JSONB),
    _may("error", JSONB),
    _must("created_by", Text),
    _must("created_at", _Instant),
    _may("started_at", _Instant),
    _may("finished_at", _Instant),
    _may("queue_id", BigInteger),
    _must("attempts", Integer),
)

account = Table(
    "account",
    metadata,
    _key("name", Text),
    _must("password_hash", Text),
    _must("must_change", Boolean),
    _must("role", Text),
    _must("created_at", _Instant),
)

session = Table(
    "session",
    metadata,
    _key("token_hash", LargeBinary),
    _must("account", Text),
    _must("csrf", Text),
    _must("created", _Instant),
    _must("expires", _Instant),
)

api_key = Table(
    "api_key",
    metadata,
    _key("id", BigInteger),
    _must("name", Text),
    _must("hash", LargeBinary),
    _must("role", Text),
    _must("created_at", _Instant),
    _may("revoked_at", _Instant),
    _may("last_used", _Instant),
)

login_attempt = Table("login_attempt", metadata, _must("name", Text), _must("ip", Text), _must("at", _Instant))

change_log = Table("change_log", metadata, _must("event", BigInteger), _must("op", Text), _may("oids", ARRAY(BigInteger)))

edit = Table(
    "edit",
    metadata,
    _key("id", BigInteger),
    _must("layer", Integer),
    _must("moment", _Instant),
    _must("by", Text),
    _must("counts", JSONB),
    _must("oids", ARRAY(BigInteger)),
)
edit_answer = Table(
    "edit_answer",
    metadata,
    _key("by", Text),
    _key("key", Text),
    _must("digest", LargeBinary),
    _must("answer", JSONB),
    _must("at", _Instant),
)

product_log = Table(
    "product_log",
    metadata,
    _key("id", BigInteger),
    _must("at", _Instant),
    _must("by_whom", Text),
    _must("code", Text),
    _must("version", Integer),
    _may("from_status", Text),
    _may("to_status", Text),
)
product_use = Table("product_use", metadata, _key("code", Text), _key("day", Date), _must("uses", BigInteger))
