"""The field schema of a layer: views, tiles, queryables, legends, forms and 3D metadata read only this."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Constraint

FieldName = Annotated[str, StringConstraints(min_length=1, max_length=60)]

#: Columns every layer view has; a source column of the same name without the matching role is renamed with a trailing underscore.
BASE_COLUMNS = ("oid", "code", "class", "name", "parent_oid", "division", "geom", "geom_z", "zmin", "zmax", "valid", "sys", "phase", "plan")


class FieldType(StrEnum):
    """Types a source column can be fixed to; the value is the word used in JSON."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    JSON = "json"


class Role(StrEnum):
    """What a field means to the twin, whatever the file called it."""

    CODE = "code"
    NAME = "name"
    CLASS = "class"
    DIVISION = "division"
    HEIGHT = "height"
    BASE_HEIGHT = "base_height"
    FLOORS = "floors"
    POPULATION = "population"
    PHASE = "phase"
    PLAN = "plan"
    VALID_FROM = "valid_from"
    VALID_TO = "valid_to"
    KEY = "key"


#: Roles whose value lives in a base column of the same name instead of `attrs`.
BASE_ROLES = frozenset({Role.CODE, Role.NAME, Role.CLASS, Role.DIVISION, Role.PHASE, Role.PLAN})


class Field(BaseModel):
    """One published column of a layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FieldName
    title_zh: str = ""
    title_en: str = ""
    type: FieldType = FieldType.TEXT
    unit: str = ""
    role: Role | None = None
    queryable: bool = False
    in_tiles_from_zoom: int | None = Constraint(default=None, ge=0, le=24)
    """Smallest zoom at which tiles carry it; None keeps it out of tiles."""
    code_list: str = ""
    """Name of a code list under `twin/codes/`, when the values are codes."""

    @property
    def column(self) -> str:
        """The view column that holds it: a base column for base roles, else its own name."""
        return str(self.role.value) if self.role in BASE_ROLES else self.name
