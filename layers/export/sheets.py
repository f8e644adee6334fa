"""A layer and what is asked of it as a table: which columns, of what, in which system."""

from dataclasses import replace
from pathlib import Path

from layers.export.formats import Format
from layers.export.request import FileRequest
from postgis.arrow_rows import arrow_statement
from postgis.arrow_stream import text_of
from postgis.connect import SERVER, Database
from postgis.pool import scope_setting
from twin.layer import GeometryType, Layer
from twin.sheet import Sheet, free_names
from twin.view import GeometryForm, View


def sheet_of(layer: Layer, view: View, crs: str) -> Sheet:
    """The table that `view` of `layer` makes; `crs` is the name of the system its numbers are in."""
    fields = layer.fields if view.fields is None else tuple(field for field in layer.fields if field.name in view.fields)
    oid, valid_from, valid_to, geometry, bbox = free_names(
        ("oid", "valid_from", "valid_to", "geometry", "bbox"), [field.name for field in fields]
    )
    return Sheet(
        name=layer.id,
        title=layer.title_zh,
        fields=fields,
        oid=oid,
        valid_from=valid_from,
        valid_to=valid_to,
        geometry="" if view.drawing.skip or layer.geometry_type is GeometryType.NONE else geometry,
        bbox=bbox,
        shape=layer.geometry_type,
        heights=bool(layer.vertical_datum) and not view.drawing.flat,
        crs=crs,
    )


def drawn_for(view: View, layer: Layer, format_: Format) -> View:
    """`view` with geometries as the format needs them: files, and points in columns, have the easting first whatever the system says."""
    drawing = replace(view.drawing, form=format_.form)
    if format_.form is GeometryForm.WKB or (format_.form is GeometryForm.WKT and layer.geometry_type is GeometryType.POINT):
        drawing = replace(drawing, north_first=False)
    level = format_.name == "fgb" and bool(layer.vertical_datum) and not drawing.flat
    return replace(view, drawing=replace(drawing, level=level))


def file_request(database: Database, layer: Layer, view: View, format_: Format, crs: str, path: Path, seconds: float) -> FileRequest:
    """The order for a file with the rows of `view`. Raises BadParameter as the select builder does."""
    drawn = drawn_for(view, layer, format_)
    sheet = sheet_of(layer, drawn, crs)
    statement = arrow_statement(drawn, layer, sheet, boxes=format_.name == "parquet")
    return FileRequest(
        conninfo=database.conninfo(SERVER),
        text=statement.text,
        values=tuple(None if value is None else text_of(value) for value in statement.args),
        scope=scope_setting(view.scope),
        seconds=seconds,
        format=format_.name,
        sheet=sheet,
        path=path,
    )
