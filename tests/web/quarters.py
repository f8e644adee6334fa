"""Four quarters of a made-up town and the product that shows them: what other people's programs are tried on."""

from io import BytesIO
from typing import Any

import httpx
import numpy as np
from PIL import Image

from postgis.connect import Database
from tests.tile_scene import Row, put_layer, square
from tests.web.conftest import Site
from tests.web.test_catalogue_doors import eventually
from twin.fields import Field
from twin.layer import GeometryType, Layer

CODE, LAYER = "quarters-people", "quarters"
WEST, SOUTH, SIDE = 113.90, 22.50, 0.02
PEOPLE = (320_000, 860_000, 1_500_000, None)
CROWDED = (131, 168, 206)
"""Colour on the screen of a quarter of more than a million: #3F7FB8 at 0.6 on the ground."""
_FIELDS = (
    Field(name="名称", role="name", queryable=True, in_tiles_from_zoom=0),
    Field(name="人口", type="integer", unit="人", queryable=True, in_tiles_from_zoom=0),
    Field(name="日期", type="date", queryable=True),
)
_LEGEND: list[dict[str, Any]] = [
    {"label_zh": "不足五十万", "label_en": "< 500,000", "color": "#DCE9F5", "max": 500_000},
    {"label_zh": "五十万至一百万", "label_en": "500,000 – 1,000,000", "color": "#A6C8E4", "min": 500_000, "max": 1_000_000},
    {"label_zh": "一百万以上", "label_en": "≥ 1,000,000", "color": "#3F7FB8", "min": 1_000_000},
]
CARD: dict[str, Any] = {
    "title_zh": "示例常住人口",
    "title_en": "Sample population",
    "theme": "economy",
    "owner": "测试单位",
    "status": "published",
    "synthetic": True,
    "layers": [
        {
            "layer": LAYER,
            "symbol": {
                "kind": "fill",
                "opacity": 0.6,
                "class_field": "人口",
                "legend": _LEGEND,
                "legend_unit": "人",
                "label_field": "名称",
            },
        }
    ],
}


def _quarter(number: int, people: int | None) -> Row:
    """South-west, south-east, north-west, north-east; the last one does not know its population."""
    attrs = {"日期": "2025-11-01"} | ({} if people is None else {"人口": people})
    spot = square(WEST + number % 2 * SIDE, SOUTH + number // 2 * SIDE, SIDE)
    return Row(spot, attrs, code=f"Q{number}", name=f"示例片区{'一二三四'[number]}")


def publish_quarters(site: Site) -> None:
    """Put the layer and the product there, and wait until both are served."""
    with site.with_key() as client:
        publish(site.database, client)


def publish(database: Database, client: httpx.Client) -> None:
    """The same by anybody's server, once; `client` may publish."""
    if client.get(f"/layers/{LAYER}").status_code == 200:
        return
    layer = Layer(
        number=0,
        id=LAYER,
        title_zh="示例片区",
        title_en="Sample quarters",
        fields=_FIELDS,
        geometry_type=GeometryType.POLYGON,
        attribution="粤图示例",
        synthetic=True,
    )
    put_layer(database, layer, [_quarter(number, people) for number, people in enumerate(PEOPLE)])
    eventually(client, f"/layers/{LAYER}")
    client.put(f"/products/{CODE}", json=CARD).raise_for_status()
    eventually(client, f"/products/{CODE}")


def share_of(picture: bytes, red: int, green: int, blue: int, within: int = 2) -> float:
    """How much of a picture has this colour, each channel within so much."""
    pixels = np.asarray(Image.open(BytesIO(picture)).convert("RGB")).astype(int)
    return float((np.abs(pixels - (red, green, blue)).max(axis=2) <= within).mean())
