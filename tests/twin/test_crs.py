import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin import crs
from twin.crs import Datum, SourceCrs, parse_crs, parse_datum
from twin.errors import BadParameter


def one(function, lon: float, lat: float) -> tuple[float, float]:
    x, y = function(np.array([lon]), np.array([lat]))
    return float(x[0]), float(y[0])


def test_published_vectors(data_root) -> None:
    """The two WGS84 → GCJ-02 vectors hold to the last digit; the BD-09 one is itself only good to about ten metres."""
    with (data_root / "hard/coordinates/china_datum_vectors.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for row in rows:
        lon, lat = one(getattr(crs, row["transform"]), float(row["lon_in"]), float(row["lat_in"]))
        tolerance = 1e-4 if row["transform"].startswith("bd09") else 1e-12
        assert (lon, lat) == pytest.approx((float(row["lon_out"]), float(row["lat_out"])), abs=tolerance)


def test_other_implementations_agree() -> None:
    """Numbers of coordtransform_rs for Beijing."""
    assert one(crs.wgs84_to_gcj02, 116.404, 39.915) == pytest.approx((116.41024449916938, 39.91640428150164), abs=1e-12)
    assert one(crs.gcj02_to_bd09, 116.404, 39.915) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-12)


@pytest.mark.parametrize(
    ("there", "back"), [("wgs84_to_gcj02", "gcj02_to_wgs84"), ("gcj02_to_bd09", "bd09_to_gcj02"), ("wgs84_to_bd09", "bd09_to_wgs84")]
)
def test_inverse_is_exact_all_over_china(there: str, back: str) -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(73.5, 135, 100_000), rng.uniform(3.5, 53.5, 100_000)
    x, y = getattr(crs, back)(*getattr(crs, there)(lon, lat))
    assert max(np.abs(x - lon).max(), np.abs(y - lat).max()) < 1e-9


@settings(max_examples=200)
@given(st.floats(109, 118), st.floats(20, 26))
def test_offset_in_guangdong_is_some_hundred_metres(lon: float, lat: float) -> None:
    x, y = one(crs.wgs84_to_gcj02, lon, lat)
    assert 200 < np.hypot((x - lon) * np.cos(np.radians(lat)), y - lat) * 111_195 < 900


def test_outside_china_nothing_moves() -> None:
    for lon, lat in ((0.0, 0.0), (-122.4, 37.8), (151.2, -33.9), (71.9, 30.0)):
        for name in ("wgs84_to_gcj02", "gcj02_to_wgs84", "gcj02_to_bd09", "bd09_to_wgs84"):
            assert one(getattr(crs, name), lon, lat) == (lon, lat)


def test_what_is_no_number_stays_so_and_hurts_nobody() -> None:
    x, y = crs.gcj02_to_wgs84(np.array([np.nan, 113.0, np.inf]), np.array([23.0, 23.0, 23.0]))
    assert np.isnan(x[0]) and np.isinf(x[2])
    assert (x[1], y[1]) == pytest.approx(one(crs.gcj02_to_wgs84, 113.0, 23.0), abs=1e-12)
    empty = crs.gcj02_to_wgs84(np.array([]), np.array([]))
    assert len(empty[0]) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CGCS2000", SourceCrs(4490, Datum.CGCS2000)),
        ("wgs84", SourceCrs(4326, Datum.WGS84)),
        ("gcj02", SourceCrs(4326, Datum.GCJ02)),
        ("BD-09", SourceCrs(4326, Datum.BD09)),
        ("EPSG:4547", SourceCrs(4547, Datum.CGCS2000)),
        ("epsg:4326", SourceCrs(4326, Datum.WGS84)),
        ("urn:ogc:def:crs:EPSG::4490", SourceCrs(4490, Datum.CGCS2000)),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", SourceCrs(4326, Datum.WGS84)),
        ("OGC:CRS84", SourceCrs(4326, Datum.WGS84)),
    ],
)
def test_names_of_reference_systems(text: str, expected: SourceCrs) -> None:
    assert parse_crs(text) == expected
    assert expected.is_degrees_of_storage == (expected.epsg in (4326, 4490) and expected.datum not in (Datum.GCJ02, Datum.BD09))


@pytest.mark.parametrize("text", ["", "EPSG:", "EPSG:٤٣٢٦", "4326", "EPSG:4326;DROP", "Mars2000", "../x"])
def test_other_names_are_refused_with_the_place(text: str) -> None:
    with pytest.raises(BadParameter) as caught:
        parse_crs(text)
    assert caught.value.place == "crs"


def test_datum_words() -> None:
    assert parse_datum("GCJ-02") is parse_datum("gcj 02") is Datum.GCJ02
    with pytest.raises(BadParameter):
        parse_datum("beijing54")
