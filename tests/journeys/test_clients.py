"""Clients nobody here wrote read what we serve: GDAL by features and by tiles, MapLibre in a browser, on real counties and real buildings."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import DataRoot
from tests.journeys.browser import ARGUMENTS, CHROMIUM, SMALL_DESK, Watched, watched
from tests.journeys.conftest import Admin, Running

pytestmark = [pytest.mark.journey, pytest.mark.data]

COUNTIES, BUILDINGS = 124, 5438


@pytest.fixture(scope="module")
def served(empty_twin: Running, admin: Admin, data_root: DataRoot) -> Running:
    """The twin with the counties and the Nanshan buildings, imported by HTTP."""
    counties = {"layer": "real_counties", "datum": "GCJ-02", "title_zh": "县级区划"}
    buildings = {"layer": "nanshan", "explode": True, "title_zh": "南山建筑", "min_zoom": 12}
    for path, options in (
        (data_root / "boundaries" / "counties_echarts_guangdong.zip", counties),
        (data_root / "buildings" / "nanshan-building.geojson.gz", buildings),
    ):
        result = admin.import_file(path, options)["result"]
        assert result["rows_in"] == result["published"] + result["refused"] and result["refused"] == 0
    return empty_twin


@pytest.fixture
def desk(served: Running) -> Iterator[Watched]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        with watched(browser, served.url, SMALL_DESK) as page:
            yield page
        browser.close()


def gdal(*words: str) -> str:
    """Output of one GDAL program."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("layer", "count"), [("real_counties", COUNTIES), ("nanshan", BUILDINGS)])
def test_ogr2ogr_copies_every_feature(served: Running, tmp_path: Path, layer: str, count: int) -> None:
    target = tmp_path / f"{layer}.gpkg"
    gdal("ogr2ogr", "-oo", "PAGE_SIZE=1000", "-f", "GPKG", str(target), f"OAPIF:{served.url}/ogc", layer)
    assert f"Feature Count: {count}" in gdal("ogrinfo", "-ro", "-so", str(target), layer)


@pytest.mark.parametrize(("layer", "tile"), [("real_counties", "7/104/55"), ("nanshan", "14/13377/7139")])
def test_gdal_reads_a_tile(served: Running, layer: str, tile: str) -> None:
    told = gdal("ogrinfo", "-ro", "-so", f"MVT:{served.url}/tiles/{layer}/{tile}.mvt", layer)
    found = re.search(r"Feature Count: (\d+)", told)
    assert found and int(found[1]) > 10, told
    assert "Polygon" in told


def test_maplibre_draws_and_picks_a_building(desk: Watched, admin: Admin) -> None:
    item = admin.http.get("/collections/nanshan/items", params={"bbox": "113.925,22.515,113.935,22.525", "limit": 1}).json()["features"][0]
    ring = item["geometry"]["coordinates"][0]
    lon, lat = (sum(point[axis] for point in ring[:-1]) / (len(ring) - 1) for axis in (0, 1))
    desk.open(f"map=18/{lat:.6f}/{lon:.6f}/0/0&on=l.nanshan.100")
    desk.click_middle()
    expect(desk.page.locator(".inspector")).to_contain_text("南山建筑")
    desk.settle()
    assert desk.word("pick") == f"nanshan/{item['id']}"
    desk.clean()
