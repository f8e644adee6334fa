"""Product (地图产品): a named, styled, governed set of layers with its catalogue card."""

from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Theme(StrEnum):
    """五大职能 and the two cross-cutting themes of the plan; titles are in twin/codes/themes.csv."""

    ECONOMY = "economy"
    MARKET = "market"
    SOCIETY = "society"
    PUBLIC_SERVICE = "public-service"
    ENVIRONMENT = "environment"
    NATURAL_RESOURCES = "natural-resources"
    EMERGENCY = "emergency"


class Status(StrEnum):
    """Life of a product; only `published` is listed to the public."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"


class LegendEntry(BaseModel):
    """One class of a layer's legend. `value` is a category, or `min`/`max` bound a numeric break [min, max)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label_zh: str
    label_en: str = ""
    color: str = Field(pattern=r"^#[0-9A-Fa-f]{6}$")
    value: str | None = None
    min: float | None = None
    max: float | None = None


class Symbol(BaseModel):
    """How one layer of a product is drawn; `tiles`, page and legend read only this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["fill", "line", "circle", "extrusion"]
    color: str = Field(default="#1456A0", pattern=r"^#[0-9A-Fa-f]{6}$")
    outline_color: str | None = Field(default=None, pattern=r"^#[0-9A-Fa-f]{6}$")
    opacity: float = Field(default=0.8, ge=0, le=1)
    width_px: float = Field(default=1.0, ge=0, le=40)
    radius_px: float = Field(default=4.0, ge=0, le=40)
    dash: tuple[float, ...] = ()
    icon: str = Field(default="", pattern=r"^[A-Za-z0-9-]{0,40}$")
    """A Maki icon, white inside the circle of a point."""
    label_field: str = ""
    label_min_zoom: int = 12
    height_field: str = ""
    class_field: str = ""
    legend: tuple[LegendEntry, ...] = ()
    legend_unit: str = ""


class ProductLayer(BaseModel):
    """One layer of a product with its symbol."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layer: str
    symbol: Symbol
    min_zoom: int | None = None
    max_zoom: int | None = None
    visible: bool = True


class Product(BaseModel):
    """The catalogue card and the drawing of a map product."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z][a-z0-9-]{1,60}$")
    title_zh: str
    title_en: str
    description_zh: str = ""
    description_en: str = ""
    theme: Theme
    division: str = "44"
    scale: str = ""
    owner: str
    updated_on: date | None = None
    update_cycle: str = ""
    sharing: Literal["无条件共享", "有条件共享", "不予共享"] = "无条件共享"
    review_number: str = "未送审"
    """审图号; never invented."""
    version: int = Field(default=1, ge=1)
    status: Status = Status.DRAFT
    layers: tuple[ProductLayer, ...] = Field(min_length=1)
    synthetic: bool = False
    keywords: tuple[str, ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)
