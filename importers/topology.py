"""The topology check of an import: what is wrong between the polygons of the layer goes into the report and becomes a layer of its own."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from importers.base import Finding
from importers.coverage import Fault, Place, Places, Shapes, faults
from importers.geos import shapely
from importers.options import FieldOverride, ImportOptions
from importers.process import private_folder
from importers.report import ImportReport, TopologyCheck
from importers.running import Run
from postgis import topology as store
from postgis.connect import Database
from postgis.stage import Connection
from postgis.stage_publish import KnownLayer, known_layer
from twin.errors import TwinError
from twin.layer import MAX_ID_BYTES

Import = Callable[[Database, Path, ImportOptions], ImportReport]
MOST_PLACES = 20_000
"""Places written down; the count goes on behind them."""
_SUFFIX = "-topology"
_NAMES = {Fault.OVERLAP: ("重叠", "overlap"), Fault.GAP: ("缝隙", "gap"), Fault.DUPLICATE: ("重复", "duplicate")}
_FIELDS = (
    FieldOverride(name="key", title_zh="标识", title_en="Key", role="key"),
    FieldOverride(name="rule", title_zh="问题", title_en="Fault", role="class"),
    FieldOverride(name="name", title_zh="说明", title_en="What", role="name"),
    FieldOverride(name="area_m2", title_zh="面积", title_en="Area", unit="m²"),
    FieldOverride(name="width_m", title_zh="平均宽度", title_en="Mean width", unit="m"),
    FieldOverride(name="key_a", title_zh="对象甲", title_en="First object"),
    FieldOverride(name="key_b", title_zh="对象乙", title_en="Second object"),
)


def check_topology(run: Run, number: int, import_file: Import) -> TopologyCheck:
    """Check the published layer; the import stays published whatever comes of this, a failure becomes a note."""
    try:
        with run.timed("topology"):
            return _check(run, number, import_file)
    except TwinError as exc:
        run.connection.rollback()
        run.note("topology-failed", exc.message_zh, exc.message_en)
        return TopologyCheck()


def layer_of(layer: str) -> str:
    """The id of the layer that shows the places."""
    while len((layer + _SUFFIX).encode()) > MAX_ID_BYTES:
        layer = layer[:-1]
    return layer + _SUFFIX


def _check(run: Run, number: int, import_file: Import) -> TopologyCheck:
    oids, boxes = store.polygon_boxes(run.database, number)
    counts: Counter[Fault] = Counter()

    def fetch(at: Places) -> Shapes:
        found = store.polygons(run.connection, number, oids[at].tolist())
        shapes: Shapes = shapely.from_wkb([found.get(oid) for oid in oids[at].tolist()])
        return np.where(shapely.is_missing(shapes), shapely.Polygon(), shapes)

    def kept() -> Iterator[Place]:
        for place in faults(boxes, fetch, lambda cell, cells: run.say("topology", cell, cells)) if len(boxes) else ():
            counts[place.fault] += 1
            if counts.total() <= MOST_PLACES:
                yield place

    layer = layer_of(run.layer)
    with private_folder() as folder:
        path = folder / f"{layer}.geojsonl"
        written = _write(run, number, oids, kept(), path)
        run.connection.commit()
        shown = _publish(run, layer, path, written, import_file)
    return TopologyCheck(
        layer=shown,
        polygons=len(oids),
        overlaps=counts[Fault.OVERLAP],
        gaps=counts[Fault.GAP],
        duplicates=counts[Fault.DUPLICATE],
        written=written,
    )


def _write(run: Run, number: int, oids: Places, places: Iterator[Place], path: Path) -> int:
    """The places as features in `path` and as findings of the run; returns how many."""
    written, held = 0, list[Place]()
    with path.open("w", encoding="utf-8") as file:

        def flush() -> None:
            nonlocal written
            features = _features(run.connection, number, oids, held)
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in features)
            run.findings(_finding(item) for item in features)
            written += len(held)
            held.clear()

        for place in places:
            held.append(place)
            if len(held) >= 1000:
                flush()
        flush()
    return written


def _features(connection: Connection, number: int, oids: Places, held: Sequence[Place]) -> list[dict[str, Any]]:
    wanted = sorted({int(oids[at]) for place in held for at in (place.first, place.second) if at >= 0})
    named = store.keys_and_names(connection, number, wanted)
    return [_feature(place, oids, named) for place in held]


def _feature(place: Place, oids: Places, named: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    """One place: the key says fault, objects and roughly where, so that the same fault is the same object at the next check."""
    (key_a, name_a), (key_b, name_b) = (named.get(int(oids[at]), ("", "")) if at >= 0 else ("", "") for at in (place.first, place.second))
    spot = shapely.point_on_surface(place.shape)
    lon, lat = round(float(spot.x), 7), round(float(spot.y), 7)
    where = f":{lon:.5f},{lat:.5f}" if place.fault is Fault.GAP else ""
    between = " / ".join(name or key for name, key in ((name_a, key_a), (name_b, key_b)) if name or key)
    properties = {
        "key": f"{place.fault}:{key_a}:{key_b}{where}",
        "rule": place.fault.value,
        "name": f"{_NAMES[place.fault][0]} {between}".strip(),
        "area_m2": round(place.area_m2, 3),
        "width_m": round(place.width_m, 3),
        "key_a": key_a,
        "key_b": key_b,
    }
    geometry = json.loads(shapely.to_geojson(place.shape))
    return {"type": "Feature", "properties": properties, "geometry": geometry, "bbox": [lon, lat, lon, lat]}


def _finding(feature: Mapping[str, Any]) -> Finding:
    said = feature["properties"]
    fault = Fault(said["rule"])
    zh, en = _NAMES[fault]
    lon, lat = feature["bbox"][:2]
    between = said["name"].removeprefix(zh).strip()
    size = f"{said['area_m2']:.6g} m²"
    return Finding(
        rule=f"topology-{fault}",
        key=said["key_a"],
        lon=lon,
        lat=lat,
        detail_zh=f"{between}：{size}，平均宽 {said['width_m']:.3g} m",
        detail_en=f"{between}: {en} of {size}, {said['width_m']:.3g} m wide on average",
    )


def _publish(run: Run, layer: str, path: Path, written: int, import_file: Import) -> str:
    """The places as the layer `layer`, which is emptied where nothing is wrong any more; returns its id, empty where there is none."""
    before = known_layer(run.connection, layer)
    if not written:
        return _empty(run, layer, before)
    checked = known_layer(run.connection, run.layer)
    options = ImportOptions(
        layer=layer,
        title_zh=f"{checked.layer.title_zh if checked else run.layer} 拓扑问题",
        title_en=f"{(checked.layer.title_en if checked else '') or run.layer} topology",
        crs="EPSG:4490",
        key="key",
        fields=_FIELDS,
        allow_removals=True,
        access=checked.layer.access if checked else None,
    )
    import_file(run.database, path, options)
    return layer


def _empty(run: Run, layer: str, before: KnownLayer | None) -> str:
    if before is None:
        return ""
    with suppress(TwinError):
        store.end_all(run.connection, layer, before.layer.number)
    run.connection.commit()
    return layer
