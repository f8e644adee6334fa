"""Who writes the features of an answer, and how the geometries must come from the database for that."""

from dataclasses import replace
from typing import Any, Final

from layers.export.formats import Format
from layers.export.geojson import feature
from layers.export.jsonfg import JsonFg
from layers.export.sheets import drawn_for
from layers.export.text import Row, TextWriter, dump
from twin.layer import Layer
from twin.view import View
from web import crs, features, formats
from web.items_page import ItemsPage, drawn_for_page
from web.links import Links

_JSONFG: Final = "jsonfg"


def writer_for(format_: Format, layer: Layer, view: View, served: crs.Served, links: Links) -> tuple[TextWriter, View]:
    """The writer of a page, and the view with its geometries as that writer needs them."""
    if format_ is formats.HTML:
        drawn = drawn_for_page(view)
        return ItemsPage(layer, features.fields_of(layer, view.fields), links), drawn
    assert format_.text is not None  # noqa: S101  (items come as text only)
    return format_.text(formats.text_sheet(layer, view, served, links)), drawn_for(view, layer, format_)


def alone(format_: Format, layer: Layer, view: View, served: crs.Served, links: Links, row: Row, members: dict[str, Any]) -> bytes:
    """One feature as a document, with further members."""
    if format_.name == _JSONFG:
        return JsonFg(formats.text_sheet(layer, replace(view, page=None), served, links)).alone(row, members)
    return feature(row, features.fields_of(layer, view.fields))[:-1] + b"," + dump(members)[1:]
