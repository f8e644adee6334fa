"""Pictures by HTTP: PNG in both grids and every dialect that has them, with ETags of their own, and the icons."""

import math
from io import BytesIO

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.web.conftest import Site
from web import sprites

#: The 25 houses lie from 114.01 to 114.25 east at 22.5 north, a square of 0.001° each.
Z, LON, LAT = 15, 114.0505, 22.5005


def xyz() -> tuple[int, int]:
    count = 1 << Z
    y = (1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2
    return int((LON + 180) / 360 * count), int(y * count)


X, Y = xyz()
#: Column and row of the same place in CGCS2000Quad.
COLUMN, ROW = int((LON + 180) / 360 * (1 << Z)), int((90 - LAT) / 360 * (1 << Z))
PATH = f"/tiles/houses/{Z}/{X}/{Y}.png"


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png", answer.text[:200]
    assert int(answer.headers["content-length"]) == len(answer.content)
    image = Image.open(BytesIO(answer.content))
    assert image.format == "PNG"
    return image


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        f"/tiles/houses/CGCS2000Quad/{Z}/{COLUMN}/{ROW}.png",
        f"/collections/houses/map/tiles/CGCS2000Quad/{Z}/{ROW}/{COLUMN}",
        f"/wmts/1.0.0/houses/default/c/{Z}/{ROW}/{COLUMN}.png",
        f"/houses_c/wmts?service=WMTS&request=GetTile&version=1.0.0&layer=houses&style=default&tilematrixset=c&format=tiles"
        f"&tilematrix={Z}&tilerow={ROW}&tilecol={COLUMN}&tk=0123456789",
    ],
)
def test_a_picture_in_every_dialect(web: httpx.Client, path: str) -> None:
    image = opened(web.get(path))
    assert image.size == (256, 256)
    seen = np.asarray(image.convert("RGBA"))[..., 3]
    assert 0.001 < (seen > 0).mean() < 0.5, "a house on clear ground"


def test_twice_as_large(web: httpx.Client) -> None:
    assert opened(web.get(PATH.replace(".png", "@2x.png"))).size == (512, 512)
    assert web.get(PATH.replace(".png", "@3x.png")).status_code == 400
    assert web.get(PATH.replace(".png", "@2x.mvt")).status_code == 400


def test_its_etag_is_its_own_and_saves_drawing(web: httpx.Client) -> None:
    first = web.get(PATH)
    tile = web.get(PATH.replace(".png", ".mvt"))
    assert first.headers["etag"] != tile.headers["etag"]
    again = web.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304 and not again.content
    assert web.get(PATH).content == first.content


def test_it_is_never_kept_for_ever_for_its_style_may_change(web: httpx.Client) -> None:
    epoch = web.get("/tiles/houses.json").json()["tiles"][0].rsplit("=", 1)[1]
    assert "immutable" in web.get(PATH.replace(".png", ".mvt") + f"?v={epoch}").headers["cache-control"]
    assert "immutable" not in web.get(PATH + f"?v={epoch}").headers["cache-control"]


def test_where_nothing_is_the_picture_is_clear(web: httpx.Client) -> None:
    image = opened(web.get("/tiles/houses/15/0/0.png"))
    assert image.size == (256, 256)
    assert np.asarray(image.convert("RGBA"))[..., 3].max() == 0


def test_what_is_hidden_stays_hidden(web: httpx.Client, program: httpx.Client) -> None:
    path = PATH.replace("houses", "secret")
    answer = program.get(path)
    assert opened(answer).size == (256, 256) and "private" in answer.headers["cache-control"]
    assert web.get(path).status_code == 404
    assert web.get(PATH.replace("houses", "houses,secret")).status_code == 404


@pytest.mark.parametrize(
    "path", [f"/tiles/houses/{Z}/{X}/99999999.png", "/tiles/houses/99/0/0.png", "/tiles/houses/CGCS2000Quad/0/0/0.png"]
)
def test_outside_the_grid_is_refused(web: httpx.Client, path: str) -> None:
    assert web.get(path).status_code == 400


def test_narrowed_pictures(web: httpx.Client) -> None:
    assert np.asarray(opened(web.get(PATH + "?floors=5")).convert("RGBA"))[..., 3].max() > 0
    assert np.asarray(opened(web.get(PATH + "?floors=77")).convert("RGBA"))[..., 3].max() == 0
    assert web.get(PATH + "?nonsense=1").status_code == 400


def test_icons(web: httpx.Client, site: Site) -> None:
    assert sprites.found() is not None, "the page is not built; ./run builds it"
    for ratio, suffix in ((1, ""), (2, "@2x")):
        index = web.get(f"/sprites/icons{suffix}.json").raise_for_status().json()
        sheet = np.asarray(opened(web.get(f"/sprites/icons{suffix}.png", headers={"accept-encoding": "identity"})).convert("RGBA"))
        assert len(index) > 400
        for name, light in (("hospital", False), ("hospital-white", True)):
            box = index[name]
            assert (box["width"], box["pixelRatio"]) == (15 * ratio, ratio)
            icon = sheet[box["y"] : box["y"] + box["height"], box["x"] : box["x"] + box["width"]]
            ink = icon[icon[..., 3] > 200]
            assert len(ink) > 30 * ratio and bool(ink[:, :3].mean() > 200) is light


@pytest.mark.parametrize("name", ["icons@3x.png", "other.json", "..%2Findex.html", "icons,icons.json", "icons.svg"])
def test_there_is_one_set_of_icons(web: httpx.Client, name: str) -> None:
    answer = web.get(f"/sprites/{name}")
    assert answer.status_code in (400, 404)
