"""Values on their way into a COPY: they are settings of the connection and no part of the statement, and arrive as what they were."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from layers.cql2.reading import read_filter
from layers.export.sheets import sheet_of
from postgis.arrow_rows import arrow_statement
from postgis.arrow_stream import arrow, text_of, unbound
from postgis.connect import SERVER, Database
from postgis.pool import scope_setting
from tests.tile_scene import BUILDING_FIELDS, Row, put_layer, square
from twin.layer import Access, Layer
from twin.view import PUBLIC, Bbox, Drawing, Equals, GeometryForm, Scope, View

NASTY = ["'; DROP TABLE x; --", '"', "\\", "{}", "$1", "", "NULL", "a,b", "\n", "中文 🏗", "%s :b", "E'\\'"]


def read(database: Database, text: str, *values: Any) -> Any:
    bound = tuple(None if value is None else text_of(value) for value in values)
    with arrow(database.conninfo(SERVER), text, bound, scope_setting(PUBLIC), 30) as reader:
        return reader.read_all().column(0).to_pylist()[0]


@pytest.mark.parametrize("value", NASTY)
def test_texts_arrive_as_they_are(database: Database, value: str) -> None:
    assert read(database, "SELECT $1::TEXT", value) == value
    assert read(database, "SELECT $1::VARCHAR || $2::TEXT", value, value) == value * 2


def test_lists_arrive_as_they_are(database: Database) -> None:
    assert read(database, "SELECT $1::TEXT[]", NASTY) == NASTY
    assert read(database, "SELECT $1::BIGINT[]", [1, -(2**62)]) == [1, -(2**62)]


def test_other_values_arrive_as_they_are(database: Database) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert read(database, "SELECT $1::TIMESTAMP WITH TIME ZONE", moment) == moment
    assert read(database, "SELECT $1::DATE", date(2026, 1, 2)) == date(2026, 1, 2)
    assert read(database, "SELECT $1::FLOAT", 0.1 + 0.2) == 0.1 + 0.2
    assert read(database, "SELECT $1::BOOLEAN", False) is False
    assert read(database, "SELECT $1::BYTEA", b"\0\xff'\\") == b"\0\xff'\\"
    assert read(database, "SELECT coalesce($1::TEXT, 'none')", None) == "none"


def test_what_is_no_value_of_ours_is_a_fault() -> None:
    with pytest.raises(TypeError):
        text_of(object())


def test_placeholders_in_names_and_constants_are_none() -> None:
    text = """SELECT o."$1 ""$2", '$1 ''$3', $1::TEXT, $12::FLOAT"""
    changed = unbound(text, tuple("x" for _ in range(12)))
    assert changed == """SELECT o."$1 ""$2", '$1 ''$3', current_setting('twin.arg_1')::TEXT, current_setting('twin.arg_12')::FLOAT"""


def test_a_view_with_everything(database: Database) -> None:
    """Scope, mask, box, equality and CQL2 at once, with a field whose name looks like a placeholder."""
    odd = BUILDING_FIELDS[-2].name
    layer = put_layer(
        database,
        Layer(number=0, id="houses", title_zh="房", geometry_type="Polygon", fields=BUILDING_FIELDS, access=Access.INTERNAL),
        [
            Row(square(113, 22), {odd: NASTY[0], "高度": 3.5, "floors": 2}, name="甲"),
            Row(square(113, 22), {odd: NASTY[0], "高度": 3.5, "floors": 2}, name="乙", division="440106"),
            Row(square(115, 22), {odd: NASTY[0], "高度": 3.5, "floors": 2}, name="丙"),
            Row(square(113, 22), {odd: "x", "高度": 3.5, "floors": 2}, name="丁"),
        ],
    )
    scope = Scope(access=frozenset({Access.INTERNAL}), divisions=("4403",), masked_fields=frozenset({"高度"}))
    where = read_filter("floors IN (1, 2) AND S_INTERSECTS(geometry, BBOX(112, 21, 114, 23))", None, None, (layer,))
    view = View(
        "houses",
        scope,
        area=Bbox((112.5, 21, 114, 23)),
        filters=(Equals(odd, NASTY[0]),),
        where=where,
        drawing=Drawing(form=GeometryForm.WKB),
    )
    statement = arrow_statement(view, layer, sheet_of(layer, view, "EPSG:4490"), boxes=True)
    values = tuple(None if value is None else text_of(value) for value in statement.args)
    assert NASTY[0] not in unbound(statement.text, values)
    with arrow(database.conninfo(SERVER), statement.text, values, scope_setting(scope), 30) as reader:
        rows = reader.read_all().to_pylist()
    assert [(row["名称"], row["高度"], row[odd], row[" xmin"]) for row in rows] == [("甲", None, NASTY[0], 113.0)]
    with arrow(database.conninfo(SERVER), statement.text, values, scope_setting(PUBLIC), 30) as reader:
        assert reader.read_all().num_rows == 0  # the database's own wall
