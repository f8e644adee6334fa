"""Shenzhen's districts drawn in GCJ-02, imported as such, lie on the same districts surveyed in WGS84."""

import json
import math

import numpy as np
import psycopg
import pytest
import shapely

from importers.options import ImportOptions
from importers.run import import_file
from postgis.connect import Database
from tests.conftest import DataRoot

pytestmark = pytest.mark.data

_STEP_M, _METRES_PER_DEGREE = 50.0, 111_320.0
_ELSEWHERE = "龙岗区"
"""DataV counts 大鹏新区 to 龙岗区, the other set does not."""


def _plane(geometry: shapely.Geometry) -> shapely.Geometry:
    """Degrees around Shenzhen to metres, good to a thousandth."""
    scale = (_METRES_PER_DEGREE * math.cos(math.radians(22.6)), _METRES_PER_DEGREE)
    return shapely.transform(geometry, lambda degrees: degrees * scale)


def _distances(ours: shapely.Geometry, known: shapely.Geometry) -> np.ndarray:
    line = _plane(ours).boundary
    at = np.arange(0.0, line.length, _STEP_M)
    return np.asarray(shapely.distance(shapely.line_interpolate_point(line, at), _plane(known).boundary))


def test_the_offset_is_undone(database: Database, owner: psycopg.Connection, data_root: DataRoot) -> None:
    options = ImportOptions(layer="shenzhen_datav", datum="GCJ-02")
    report = import_file(database, data_root / "boundaries/datav/440300.json.gz", options)
    assert report.datum == "GCJ-02" and report.published == 9
    rows = owner.execute(f"SELECT name, ST_AsBinary(geom) FROM twin.object_{report.number}").fetchall()
    ours = {name: shapely.from_wkb(bytes(wkb)) for name, wkb in rows}
    known = _known(data_root)
    names = sorted(set(ours) - {_ELSEWHERE})
    assert len(names) == 8 and set(names) <= set(known)
    p95 = float(np.percentile(np.concatenate([_distances(ours[name], known[name]) for name in names]), 95))
    print(f"datum: p95 of 8 districts {p95:.1f} m")
    assert p95 <= 60


def _known(data_root: DataRoot) -> dict[str, shapely.Geometry]:
    content = json.loads((data_root / "boundaries/sz.json").read_text(encoding="utf-8"))
    return {
        each["properties"]["qh"] + "区": shapely.make_valid(shapely.from_geojson(json.dumps(each["geometry"])))
        for each in content["features"]
    }
