"""What a look at a file answers: everything a person decides by before the import."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from importers.report import CrsCheck, DatumCheck, RuleCount
from twin.errors import TwinError
from twin.layer import Bounds


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PreviewColumn(_Part):
    """A column of the file and the field it would fill; `why` says what made them one, empty where the field would be new."""

    name: str
    type: str
    field: str
    field_type: str
    title_zh: str = ""
    title_en: str = ""
    role: str | None = None
    why: str = ""
    score: float = 0.0


class Refusal(_Part):
    """Why the file cannot be read like this, and what to choose from."""

    code: str
    title_zh: str
    title_en: str
    detail_zh: str
    detail_en: str
    place: str = ""
    mend: str = ""
    choices: tuple[str, ...] = ()


class Preview(_Part):
    """Everything a person decides by; `rows` None where the file does not say how many it has."""

    name: str
    layer: str
    known: bool = False
    known_rows: bool = False
    format: str = ""
    format_zh: str = ""
    format_en: str = ""
    table: str = ""
    encoding: str = ""
    encoding_by: str = "file"
    """`said`, `file` (it says so itself) or `content` (found by its bytes)."""
    crs: str = ""
    datum: str = ""
    crs_by: str = "file"
    """`said`, `file` or `assumed`."""
    bounds: Bounds | None = None
    """Degrees of EPSG:4490, of the rows read."""
    rows: int | None = None
    read: int = 0
    complete: bool = False
    columns: tuple[PreviewColumn, ...] = ()
    key: str = ""
    sample: tuple[tuple[Any, ...], ...] = ()
    """The first rows, by the order of `columns`; long texts are cut."""
    shapes: Mapping[str, Any] = {"type": "FeatureCollection", "features": []}
    """At most 500 shapes of the rows read, in degrees of EPSG:4490, made simpler for looking at."""
    geometry_types: Mapping[str, int] = {}
    datum_check: DatumCheck | None = None
    crs_check: CrsCheck | None = None
    vertical_datum: str | None = None
    """What heights count from; None where the rows read have none."""
    findings: tuple[RuleCount, ...] = ()
    refusal: Refusal | None = None


def refusal_of(exc: TwinError) -> Refusal:
    """An error as part of the answer."""
    return Refusal(
        code=exc.code,
        title_zh=exc.title_zh,
        title_en=exc.title_en,
        detail_zh=exc.message_zh,
        detail_en=exc.message_en,
        place=exc.place,
        mend=exc.mend,
        choices=exc.choices,
    )
