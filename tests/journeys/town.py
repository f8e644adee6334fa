"""A small made-up town for looking at the page: a few hundred things whose places the tests know."""

import json
from pathlib import Path
from typing import Any

WEST, SOUTH = 113.9200, 22.5200
STEP = 0.0006
ROWS = COLUMNS = 16
USES = ("住宅", "商业", "工业", "公共")
KINDS = ("医院", "学校", "避难场所", "消防站")
LIBRARY = (5, 7)
"""Row and column of the one building with a name nobody else has."""

Feature = dict[str, Any]


def centre(row: int, column: int) -> tuple[float, float]:
    """Lon, lat of the middle of a building (EPSG:4490)."""
    return WEST + (column + 0.35) * STEP, SOUTH + (row + 0.35) * STEP


def _feature(geometry: Any, **properties: Any) -> Feature:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _box(west: float, south: float, width: float, height: float) -> dict[str, Any]:
    east, north = west + width, south + height
    return {"type": "Polygon", "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]]}


def _phase(number: int) -> str:
    return "planned" if number % 23 == 11 else "demolished" if number % 29 == 13 else "built"


def buildings() -> list[Feature]:
    """One block in each field of the grid, of five to a hundred metres."""
    made = []
    for number in range(ROWS * COLUMNS):
        row, column = divmod(number, COLUMNS)
        name = "岭南图书馆" if (row, column) == LIBRARY else None
        height = 5.0 + (row * 37 + column * 61) % 96
        made.append(
            _feature(
                _box(WEST + column * STEP, SOUTH + row * STEP, STEP * 0.7, STEP * 0.7),
                code=f"JZ-{number:04d}",
                name=name,
                height=height,
                floors=max(1, round(height / 3)),
                usage=USES[(row + column) % 4],
                phase="built" if name else _phase(number),
            )
        )
    return made


def facilities() -> list[Feature]:
    """Forty points in the gaps between the buildings."""
    made = []
    for number in range(40):
        kind = KINDS[number % 4]
        spot = [WEST + (number * 7 % COLUMNS + 0.85) * STEP, SOUTH + (number * 5 % ROWS + 0.85) * STEP]
        made.append(_feature({"type": "Point", "coordinates": spot}, code=f"SS-{number:03d}", name=f"示例{kind}{number + 1}", kind=kind))
    return made


def pipes() -> list[Feature]:
    """Water mains along the streets, two to five metres down."""
    made = []
    for row in range(ROWS):
        y = SOUTH + (row + 0.85) * STEP
        line = [[WEST + column * STEP, y, -2.0 - (column * 3 + row) % 4] for column in range(COLUMNS + 1)]
        made.append(_feature({"type": "LineString", "coordinates": line}, code=f"GX-{row:02d}", diameter=(200, 300, 600)[row % 3]))
    return made


def districts() -> list[Feature]:
    """Four quarters around the town, by population; the last one does not know its own."""
    width, height = COLUMNS * STEP, ROWS * STEP
    made = []
    for number, people in enumerate((320_000, 860_000, 1_500_000, None)):
        column, row = number % 2, number // 2
        area = _box(WEST - width + column * width * 1.5, SOUTH - height + row * height * 1.5, width * 1.5, height * 1.5)
        made.append(_feature(area, name=f"示例片区{'一二三四'[number]}", population=people))
    return made


def _field(name: str, title_zh: str, title_en: str, role: str | None = None, unit: str = "") -> dict[str, Any]:
    said = {"name": name, "title_zh": title_zh, "title_en": title_en, "unit": unit, "in_tiles_from_zoom": 0}
    return said | ({"role": role} if role else {})


_CODE, _NAME = _field("code", "编码", "Code", "code"), _field("name", "名称", "Name", "name")

#: Layer id → its features and what an import has to be told about them.
LAYERS: dict[str, tuple[list[Feature], dict[str, Any]]] = {
    "town-districts": (
        districts(),
        {
            "title_zh": "示例片区",
            "title_en": "Sample quarters",
            "attribution": "粤图示例",
            "fields": [_NAME, _field("population", "常住人口", "Population", "population", "人")],
        },
    ),
    "town-buildings": (
        buildings(),
        {
            "title_zh": "示例建筑",
            "title_en": "Sample buildings",
            "key": "code",
            "fields": [
                _CODE,
                _NAME,
                _field("height", "高度", "Height", "height", "m"),
                _field("floors", "层数", "Storeys", "floors"),
                _field("usage", "用途", "Use"),
                _field("phase", "阶段", "Phase", "phase"),
            ],
        },
    ),
    "town-facilities": (
        facilities(),
        {"title_zh": "示例设施", "title_en": "Sample facilities", "fields": [_CODE, _NAME, _field("kind", "类别", "Kind")]},
    ),
    "town-pipes": (
        pipes(),
        {"title_zh": "示例管线", "title_en": "Sample pipes", "fields": [_CODE, _field("diameter", "管径", "Diameter", unit="mm")]},
    ),
}


def _legend(*entries: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"label_zh": zh, "label_en": en, "color": color, "value": zh} for zh, en, color in entries]


def _breaks(*entries: tuple[str, str, float | None, float | None]) -> list[dict[str, Any]]:
    return [{"label_zh": label, "label_en": label, "color": color, "min": low, "max": high} for label, color, low, high in entries]


_USES = _legend(
    ("住宅", "Residential", "#E8C47A"), ("商业", "Commercial", "#D9756C"), ("工业", "Industrial", "#A58BB5"), ("公共", "Public", "#7FA8C9")
)
_KINDS = _legend(
    ("医院", "Hospital", "#C8373C"),
    ("学校", "School", "#2F7FBF"),
    ("避难场所", "Shelter", "#3C9A5F"),
    ("消防站", "Fire station", "#C7781A"),
)
_PEOPLE = _breaks(
    ("< 500,000", "#DCE9F5", None, 500_000),
    ("500,000 – 1,000,000", "#A6C8E4", 500_000, 1_000_000),
    ("≥ 1,000,000", "#3F7FB8", 1_000_000, None),
)


def _product(code: str, titles: tuple[str, str], theme: str, layers: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "code": code,
        "title_zh": titles[0],
        "title_en": titles[1],
        "description_zh": "测试用的示例专题。",
        "description_en": "A sample product for tests.",
        "theme": theme,
        "division": "44",
        "scale": "1:2000",
        "owner": "示例市自然资源局",
        "updated_on": "2026-02-01",
        "status": "published",
        "synthetic": True,
        "layers": [{"layer": layer, "symbol": symbol} for layer, symbol in layers],
    }


PRODUCTS = [
    _product(
        "town-3d",
        ("示例三维建筑", "Sample 3D buildings"),
        "natural-resources",
        [
            (
                "town-buildings",
                {
                    "kind": "extrusion",
                    "color": "#D9DCE1",
                    "opacity": 0.95,
                    "height_field": "height",
                    "class_field": "usage",
                    "legend": _USES,
                    "label_field": "name",
                    "label_min_zoom": 15,
                },
            )
        ],
    ),
    _product(
        "town-services",
        ("示例公共服务", "Sample public services"),
        "public-service",
        [
            (
                "town-facilities",
                {"kind": "circle", "radius_px": 5, "class_field": "kind", "legend": _KINDS, "label_field": "name", "label_min_zoom": 16},
            )
        ],
    ),
    _product(
        "town-people",
        ("示例常住人口", "Sample population"),
        "economy",
        [
            (
                "town-districts",
                {
                    "kind": "fill",
                    "opacity": 0.6,
                    "outline_color": "#FFFFFF",
                    "class_field": "population",
                    "legend": _PEOPLE,
                    "legend_unit": "人",
                    "label_field": "name",
                    "label_min_zoom": 10,
                },
            )
        ],
    ),
    _product(
        "town-network",
        ("示例管网", "Sample network"),
        "emergency",
        [
            ("town-pipes", {"kind": "line", "color": "#2B7A78", "width_px": 2}),
            ("town-facilities", {"kind": "circle", "color": "#7A5BB0", "radius_px": 3}),
        ],
    ),
]


def write(directory: Path, layer: str) -> Path:
    """The layer as a GeoJSON file."""
    path = directory / f"{layer}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": LAYERS[layer][0]}, ensure_ascii=False), encoding="utf-8")
    return path
