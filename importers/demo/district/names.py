"""Chinese names for streets, compounds, schools and works, drawn without repeats as far as the syllables go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from importers.demo.district.land import Land
from importers.demo.district.roads import BYPASS_LINE, QUAY_LINE, TOWPATH_LINE, Ints, Roads
from importers.demo.district.streets import Plan, RoadClass
from importers.demo.district.uses import Uses
from importers.geos import shapely

Names_ = NDArray[np.str_]

_FIRST = "云凤龙锦康福华兴富荔榕海珠星明德文学科创金银东南西新和祥瑞翠碧莲桂松柏梅兰永盛丰乐"
_SECOND = "景翔腾绣泰安强业民湾苑滨汇辉正政远达沙城平宁山溪塘岗岭亭园洲浦田禾桥津川源光"
_DIGITS = "一二三四五六七八九"

_ROAD_SUFFIX = dict(zip(RoadClass, ("", "巷", "街", "路", "大道", "快速路"), strict=True))
_FIXED = {QUAY_LINE: "滨江路", TOWPATH_LINE: "沿涌路", BYPASS_LINE: "环城快速路"}

#: What a lot of a land use is called, after its two syllables.
_LOT_SUFFIX: Mapping[str, tuple[str, ...]] = {
    "0501": ("广场", "商城", "购物中心", "市场"),
    "0504": ("酒店", "大酒店", "宾馆"),
    "0505": ("大厦", "中心", "国际", "金融中心"),
    "0507": ("汇", "商务园", "创意园"),
    "0601": ("工业园", "科技园", "电子厂", "精密制造厂", "食品厂", "家具厂"),
    "0604": ("物流园", "仓储中心", "冷链中心"),
    "0701": ("花园", "雅苑", "华庭", "新村", "家园", "名都", "公馆", "小区"),
    "0801": ("街道办事处", "行政服务中心", "派出所", "税务所"),
    "0803": ("小学", "中学", "实验学校", "第二小学", "高级中学"),
    "0804": ("研究院", "检测中心"),
    "0805": ("医院", "人民医院", "社区卫生服务中心", "中医院"),
    "0806": ("颐养院", "福利院"),
    "0807": ("文化馆", "图书馆", "博物馆", "文化中心"),
    "0808": ("体育中心", "体育馆"),
    "0809": ("变电站", "水质净化厂", "消防救援站"),
    "0810": ("公园", "湿地公园", "绿地"),
    "1202": ("农场", "种植基地"),
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names by road edge and by lot, and the named street each lot lies on."""

    edge: Names_
    lot: Names_
    """Empty text where a lot has no name."""
    village: Names_
    """Village or community of each lot."""
    lot_road: Ints
    """The edge whose name is in the lot's address."""


def make_names(plan: Plan, roads: Roads, land: Land, uses: Uses, rng: np.random.Generator) -> Names:
    """Names for one plan."""
    pairs = _pairs(rng)
    edge = _edge_names(roads, pairs)
    hood = np.array([plan.leaves[lot.leaf].neighbourhood for lot in land.lots])
    village = np.array([next(pairs) for _ in plan.neighbourhoods])[hood]
    lot = np.array([_lot_name(str(code), pairs, rng) for code in uses.code])
    return Names(edge, lot, village, _lot_road(roads, land))


def _pairs(rng: np.random.Generator) -> Iterator[str]:
    """Two-syllable stems, all different until they run out."""
    stems = [a + b for a in _FIRST for b in _SECOND if a != b]
    while True:
        for index in rng.permutation(len(stems)).tolist():
            yield stems[index]


def _edge_names(roads: Roads, pairs: Iterator[str]) -> Names_:
    """One name for each line of streets; side streets are numbered off a shared stem."""
    named: dict[int, str] = dict(_FIXED)
    stem = next(pairs)
    order = np.unique(np.stack((-roads.road_class, roads.line)), axis=1)
    for count, (rank, line) in enumerate(order.T.tolist()):
        if line in named:
            continue
        small = -rank <= RoadClass.LOCAL
        stem = stem if small and count % len(_DIGITS) else next(pairs)
        named[line] = stem + (_DIGITS[count % len(_DIGITS)] if small else "") + _ROAD_SUFFIX[RoadClass(-rank)]
    return np.array([named[line] for line in roads.line.tolist()])


def _lot_name(code: str, pairs: Iterator[str], rng: np.random.Generator) -> str:
    suffixes = _LOT_SUFFIX.get(code)
    return next(pairs) + suffixes[int(rng.integers(len(suffixes)))] if suffixes else ""


def _lot_road(roads: Roads, land: Land) -> Ints:
    """The nearest edge wide enough to be in an address (any when there is none)."""
    wide = np.flatnonzero(roads.road_class >= RoadClass.LOCAL)
    wide = wide if len(wide) else np.arange(len(roads.edges))
    rects = np.array([lot.rect for lot in land.lots])
    points = shapely.points((rects[:, 0] + rects[:, 2]) / 2, (rects[:, 1] + rects[:, 3]) / 2)
    road: Ints = wide[shapely.STRtree(roads.edges[wide]).nearest(points)]
    return road
