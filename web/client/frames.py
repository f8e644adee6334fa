"""Features as GeoDataFrames and Arrow tables; geopandas is asked for only here."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from web.client.asking import Feature, Page
from web.client.packages import needed

if TYPE_CHECKING:
    import geopandas
    import pyarrow

_DTYPES: Final = {"integer": "Int64", "number": "float64", "boolean": "boolean", "text": "str"}


def geo_frame(pages: Iterable[Page], columns: Mapping[str, str]) -> "geopandas.GeoDataFrame":
    """One row for each feature, indexed by id; `columns` are names with the fields' types. x is always the easting or longitude."""
    geopandas, shapes = needed("geopandas"), needed("shapely.geometry")
    features: list[Feature] = []
    crs = "OGC:CRS84"
    for page in pages:
        features += page.features
        crs = page.crs
    shaped = [None if feature["geometry"] is None else shapes.shape(feature["geometry"]) for feature in features]
    geometry = geopandas.GeoSeries(shaped, crs=crs, index=_index(features))
    if _north_first(geometry.crs):
        geometry = geopandas.GeoSeries(needed("shapely").transform(geometry.array, _turned, include_z=None), crs=crs, index=geometry.index)
    data = {name: _column(name, kind, features) for name, kind in columns.items()}
    return geopandas.GeoDataFrame(data, geometry=geometry, index=geometry.index)


def arrow_table(frame: "geopandas.GeoDataFrame") -> "pyarrow.Table":
    """The frame with its index as column `id`, geometry as GeoArrow WKB."""
    made: pyarrow.Table = needed("pyarrow").table(frame.to_arrow(index=True, geometry_encoding="WKB"))
    return made


def _index(features: list[Feature]) -> Any:
    return needed("pandas").Index([feature["id"] for feature in features], name="id", dtype="int64")


def _column(name: str, kind: str, features: list[Feature]) -> Any:
    """The values of one property in the type of its field; what is missing is NA."""
    pandas = needed("pandas")
    values = [feature["properties"].get(name) for feature in features]
    if kind in ("date", "instant"):
        return pandas.to_datetime(pandas.Series(values, index=_index(features), dtype="str"), format="ISO8601", utc=kind == "instant")
    return pandas.Series(values, index=_index(features), dtype=_DTYPES.get(kind, "object"))


def _north_first(crs: Any) -> bool:
    """Whether the system writes latitude or northing before the other; frames never do."""
    return bool(crs.axis_info) and crs.axis_info[0].direction == "north"


def _turned(coordinates: Any) -> Any:
    """Coordinates with their first two columns changed over."""
    return coordinates[:, [1, 0, *range(2, coordinates.shape[1])]]
