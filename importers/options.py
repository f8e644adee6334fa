"""What a person may say about a file when importing it; everything has a default that is checked, not assumed."""

import json
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator
from pydantic import Field as Constraint

from importers.base import ReadRequest
from importers.crs_text import parse_reference
from twin.crs import parse_datum
from twin.errors import BadParameter
from twin.fields import Field
from twin.heights import parse_vertical_datum
from twin.layer import Access, check_layer_id

IMPORTER_VERSION = 1
"""Part of every row's hash: raised when the same source must be read anew."""

REMOVAL_GUARD = 0.2


class FieldOverride(BaseModel):
    """What a fields file says about one column; what it leaves out is inferred."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title_zh: str | None = None
    title_en: str | None = None
    type: str | None = None
    unit: str | None = None
    role: str | None = None
    queryable: bool | None = None
    in_tiles_from_zoom: int | None = None
    code_list: str | None = None

    def over(self, field: Field) -> Field:
        """`field` with what is said here; an empty role takes the role away."""
        said = {key: value for key, value in self.model_dump(exclude_unset=True).items() if value is not None}
        if said.get("role") == "":
            said["role"] = None
        return Field.model_validate(field.model_dump() | said)


class ImportOptions(BaseModel):
    """How one file is read and published; JSON of the same names over HTTP."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str = ""
    """Layer id; empty: the file's stem."""
    title_zh: str = ""
    title_en: str = ""
    description_zh: str = ""
    crs: str = ""
    """`EPSG:n`, `CGCS2000`, `WGS84`, `GCJ-02`, `BD-09`, WKT, a PROJ string or `local: …` (`local_grid.py`); empty: what the file says."""
    datum: str = ""
    """What its degrees mean, when the file's own crs hides it (GCJ-02 data that says EPSG:4326)."""
    axis_order: Literal["", "lon-lat", "lat-lon"] = ""
    """Order of a source's coordinates, where it is not longitude (east) first; empty: found by where they lie."""
    vertical_datum: str = ""
    """What heights count from, by name or EPSG code (`twin/heights.py`). They are labelled, never changed; empty: what the file says, else unknown."""
    height_unit: Literal["", "m", "ft", "us-ft"] = ""
    """Unit of the file's heights, which are kept in metres; empty: that of its reference system, else metres."""
    encoding: str = ""
    table: str = ""
    """Table or archive member to read, where there are several."""
    fields: tuple[FieldOverride, ...] = ()
    match: Mapping[str, str] = {}
    """Column of the file → field of the layer; an empty field leaves the column out. Columns not named here go by their own name."""
    key: str = ""
    """Column that names a feature for ever; empty: found by name, else the content."""
    source: str = ""
    """Name of the source; a later file of the same source is a new version of it. Empty: the layer id."""
    explode: bool = False
    topology: bool = False
    """After publishing, look for overlaps, gaps and copies among the layer's polygons; the places become the layer `<layer>-topology`."""
    valid_from: datetime | None = None
    """When changes hold from; without a zone it is Beijing time. None: now."""
    correct: bool = False
    """The changes mend wrong data; the world did not change."""
    mode: Literal["diff", "append", "replace"] = "diff"
    """What happens to rows of the source that the file does not have: they end under a guard (diff), stay (append), end unasked (replace)."""
    allow_removals: bool = False
    dry_run: bool = False
    access: Access | None = None
    attribution: str = ""
    licence: str = ""
    synthetic: bool | None = None
    accuracy_note_zh: str = ""
    min_zoom: int | None = Constraint(default=None, ge=0, le=22)
    max_zoom: int | None = Constraint(default=None, ge=0, le=22)

    def request(self, path: Path, folder: Path) -> ReadRequest:
        """What the reading child is told of it."""
        return ReadRequest(path=path, folder=folder, table=self.table, encoding=self.encoding, explode=self.explode, crs=self.crs)

    @field_validator("layer")
    @classmethod
    def _layer(cls, value: str) -> str:
        return check_layer_id(value) if value else value

    @field_validator("crs")
    @classmethod
    def _crs(cls, value: str) -> str:
        if value:
            parse_reference(value)
        return value

    @field_validator("datum")
    @classmethod
    def _datum(cls, value: str) -> str:
        return parse_datum(value).value if value else value

    @field_validator("vertical_datum")
    @classmethod
    def _vertical_datum(cls, value: str) -> str:
        return parse_vertical_datum(value).name if value else value

    @field_validator("valid_from")
    @classmethod
    def _valid_from(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is None:
            return datetime.fromisoformat(f"{value.isoformat()}+08:00")
        return value


_OVERRIDES: TypeAdapter[tuple[FieldOverride, ...]] = TypeAdapter(tuple[FieldOverride, ...])


def read_fields(path: Path) -> tuple[FieldOverride, ...]:
    """Read a fields file: JSON (a list, or an object with `fields`) or TOML (`[[fields]]`); BadParameter names what is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        found: Any = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
        return _OVERRIDES.validate_python(found["fields"] if isinstance(found, dict) else found)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, RecursionError) as exc:
        raise BadParameter(f"{path.name}: {_first_line(exc)}", f"字段文件 {path.name} 有误：{_first_line(exc)}", place="fields") from exc


def parse_options(values: Any) -> ImportOptions:
    """Options from JSON of a stranger; BadParameter names the first bad one."""
    try:
        return ImportOptions.model_validate(values)
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "options"
        raise BadParameter(f"option {place}: {first['msg']}", f"选项 {place} 有误：{first['msg']}", place=place) from exc


def _first_line(exc: Exception) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
