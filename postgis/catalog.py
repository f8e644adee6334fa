"""What the catalogue in memory is made of: every layer, the epochs of its coarse cells, and the event up to which both are known."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter

from postgis.queries import load_queries
from postgis.statement import Statement
from twin.fields import Field
from twin.layer import Layer, TileArchive

_QUERIES = load_queries(__file__)
_FIELDS = TypeAdapter(tuple[Field, ...])

LAYERS = Statement(_QUERIES["layers"])
CELL_EPOCHS = Statement(_QUERIES["cell_epochs"])
LAST_SEQ = Statement(_QUERIES["last_seq"])

FINEST_LEVEL, COARSEST_LEVEL = 12, 4
WHOLE_LAYER = 0
"""The cell number that stands for the whole layer."""
OVERVIEW = 1 << 62
"""The bit of a cell number that means the layer's overview there, not its rows."""


def to_layer(record: Mapping[str, Any]) -> Layer:
    """A layer from a row of `LAYERS`; `fields` may be JSON text."""
    values = dict(record)
    fields, bounds = values.pop("fields"), values.pop("bounds")
    span, archive = (values.pop("time_from"), values.pop("time_to")), values.pop("archive")
    return Layer(
        **values,
        fields=_FIELDS.validate_json(fields) if isinstance(fields, str) else _FIELDS.validate_python(fields),
        bounds_4490=tuple(bounds) if bounds else None,
        time_extent=None if span == (None, None) else span,
        archive=TileArchive.model_validate_json(archive) if isinstance(archive, str) else archive,
    )


def with_parents(cells: Iterable[int]) -> set[int]:
    """Level-12 cells and all their parents up to level 4, as the database numbers them at commit."""
    found = set()
    for cell in cells:
        row, column = cell >> 24 & 0xFFFFFF, cell & 0xFFFFFF
        for level in range(COARSEST_LEVEL, FINEST_LEVEL + 1):
            shift = FINEST_LEVEL - level
            found.add(level << 48 | row >> shift << 24 | column >> shift)
    return found
