"""Clients nobody here wrote read what we serve: GDAL by features and by tiles, MapLibre in a browser, on real counties and real buildings."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.conftest import DataRoot
from tests.journeys.browser import ARGUMENTS, CHROMIUM, SMALL_DESK, Watched, save, watched
from tests.journeys.conftest import CHECKOUT, Admin, Running

pytestmark = [pytest.mark.journey, pytest.mark.data]

COUNTIES, BUILDINGS = 124, 5438
OPENLAYERS = CHECKOUT / "web" / "ui" / "node_modules" / "ol" / "dist" / "ol.js"
OPENLAYERS_PAGE = """<!doctype html><meta charset="utf-8"><script src="ol.js"></script><style>html,body,#map{margin:0;width:600px;height:400px}</style>
<div id="map"></div><script>
const degrees = new ol.proj.Projection({code: 'EPSG:4490', units: 'degrees', axisOrientation: 'neu', extent: [-180, -90, 180, 90], worldExtent: [-180, -90, 180, 90]});
ol.proj.addProjection(degrees);
ol.proj.addEquivalentProjections([ol.proj.get('EPSG:4326'), degrees]);
const projection = 'GRID' === 'CGCS2000Quad' ? degrees : ol.proj.get('EPSG:3857');
const source = new ol.source.OGCVectorTile({url: 'HOST/collections/nanshan/tiles/GRID', format: new ol.format.MVT(), projection});
const layer = new ol.layer.VectorTile({source, style: {'fill-color': '#c00'}});
const map = new ol.Map({target: 'map', controls: [], layers: [layer],
  view: new ol.View({projection, center: ol.proj.fromLonLat([113.93, 22.52], projection), zoom: 15})});
map.on('rendercomplete', () => {
  const ids = new Set(layer.getFeaturesInExtent(map.getView().calculateExtent()).map((feature) => feature.getId()));
  document.title = `${source.getState()} ${ids.size}`;
});
</script>"""


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


@pytest.mark.parametrize("grid", ["WebMercatorQuad", "CGCS2000Quad"])
def test_openlayers_draws_what_ogc_api_tiles_describes(served: Running, out_dir: Path, grid: str) -> None:
    text = OPENLAYERS_PAGE.replace("HOST", served.url).replace("GRID", grid)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 600, "height": 400})
        page.route("**/site/", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8"))
        page.route("**/site/ol.js", lambda route: route.fulfill(path=OPENLAYERS))
        page.goto(f"{served.url}/site/")
        expect(page).to_have_title(re.compile(r"^ready \d{3,}$"), timeout=30_000)
        save(page, out_dir / "screens", f"openlayers-{grid}")
        browser.close()
