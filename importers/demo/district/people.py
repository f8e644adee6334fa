"""Layers of people and trade: who lives in each building, firms, and what a neighbourhood's economy yields."""

import numpy as np
import pyarrow as pa

from importers.demo.district.city import City
from importers.demo.district.frame import Floats, Geometries
from importers.demo.district.layouts import Use
from importers.demo.district.rows import Texts, days, joined, pick, table
from importers.demo.district.uses import State
from importers.demo.district.zones import Zone
from importers.geos import shapely

_FIRMS_PER_BUILDING = 0.055


def population(city: City) -> pa.Table:
    """Residents of every dwelling that stands: one point in each building."""
    made, rng = city.buildings, city.recipe.stream("population")
    home, persons = city.residents
    elderly, children = rng.binomial(persons, 0.128), rng.binomial(persons, 0.152)
    columns = {
        "code": city.codes("RK", len(home)),
        "building": city.codes("JZ", len(made.lot))[home],
        "class": np.where(made.use[home] == Use.HOME, "商品住宅", "村居"),
        "persons": persons,
        "households": np.maximum((persons / 2.63).astype(np.int64), 1),
        "elderly": elderly,
        "children": np.minimum(children, persons - elderly),
    }
    return table(city.frame.place(shapely.points(city.centres[home])), columns)


_TRADES = ("批发和零售业", "制造业", "信息技术服务业", "住宿和餐饮业", "租赁和商务服务业", "交通运输仓储业")


def firms(city: City) -> pa.Table:
    """Registered firms (市场主体) in shops, offices, works and some village houses."""
    made, rng = city.buildings, city.recipe.stream("firms")
    weight = np.array((0.2, 0.25, 10.0, 9.0, 4.0, 3.0, 0, 0, 0, 0, 0, 0))[made.use] * (made.phase_state == State.STANDING)
    count = max(20, round(len(made.lot) * _FIRMS_PER_BUILDING))
    where = rng.choice(len(made.lot), size=count, p=weight / weight.sum())
    at = city.centres[where] + rng.uniform(-2.0, 2.0, (count, 2))
    trade = np.where(made.use[where] == Use.WORKS, "制造业", pick(_TRADES, (0.40, 0.05, 0.14, 0.2, 0.15, 0.06), rng, count))
    stem = rng.permutation(city.names.village)[np.arange(count) % len(city.names.village)]
    ending = {
        "批发和零售业": "贸易",
        "制造业": "制造",
        "信息技术服务业": "科技",
        "住宿和餐饮业": "餐饮",
        "租赁和商务服务业": "商务",
        "交通运输仓储业": "物流",
    }
    columns = {
        "code": city.codes("QY", count),
        "name": joined("示例", stem, np.array([ending[word] for word in trade]), "有限公司"),
        "class": trade,
        "status": pick(("存续", "经营异常", "注销"), (0.9, 0.06, 0.04), rng, count),
        "credit": pick(("A", "B", "C", "D"), (0.42, 0.38, 0.15, 0.05), rng, count),
        "capital_wan": np.round(np.exp(rng.normal(4.6, 1.3, count)), 0),
        "employees": np.maximum(np.exp(rng.normal(2.4, 1.1, count)).astype(np.int64), 1),
        "founded": days(rng.integers(1998, 2025, count), rng, count),
        "building": city.codes("JZ", len(made.lot))[where],
    }
    return table(city.frame.place(shapely.points(at)), columns)


#: Yearly output per square metre of floor area (万元) by land use.
_OUTPUT_WAN = {"0505": 1.6, "0501": 0.9, "0504": 0.7, "0507": 0.8, "0601": 0.42, "0604": 0.25, "0804": 0.6}
_KIND = {Zone.INDUSTRY: "工业园区", Zone.CBD: "中央商务区", Zone.BUSINESS: "商务商业区"}


def parks(city: City) -> pa.Table:
    """Economic areas: neighbourhoods of works, shops and offices with output, tax and output per mu."""
    rng = city.recipe.stream("parks")
    hoods = [hood for hood in city.plan.neighbourhoods if hood.zone in _KIND] or list(city.plan.neighbourhoods)
    leaf_hood = np.array([leaf.neighbourhood for leaf in city.plan.leaves])
    ground = [shapely.union_all(city.land.blocks[leaf_hood == hood.neighbourhood]) for hood in hoods]
    there = [number for number, each in enumerate(ground) if each.area > 2000]
    placed = city.frame.place(shapely.segmentize([ground[number] for number in there], 60.0))
    output = _output(city)[[hoods[number].neighbourhood for number in there]] * rng.uniform(0.7, 1.3, len(there))
    area_mu = city.frame.area_m2(placed) / 666.667
    lot_hood = np.array([city.plan.leaves[lot.leaf].neighbourhood for lot in city.land.lots])
    village = dict(zip(lot_hood.tolist(), city.names.village.tolist(), strict=True))
    kind = np.array([_KIND.get(hoods[number].zone, "工业园区") for number in there], dtype=np.str_)
    columns = {
        "code": city.codes("YQ", len(there)),
        "name": joined([village[hoods[number].neighbourhood] for number in there], kind) if there else kind,
        "class": kind,
        "output_wan": np.round(output, 0),
        "tax_wan": np.round(output * rng.uniform(0.04, 0.11, len(there)), 0),
        "output_per_mu_wan": np.round(output / area_mu, 1),
        "firms": rng.integers(8, 160, len(there)),
    }
    return table(placed, columns)


def _output(city: City) -> Floats:
    """Output of each neighbourhood in 万元."""
    made = city.buildings
    code = city.uses.code[made.lot]
    yields = np.array([_OUTPUT_WAN.get(str(each), 0.0) for each in np.unique(code)])[np.unique(code, return_inverse=True)[1]]
    hood = np.array([city.plan.leaves[lot.leaf].neighbourhood for lot in city.land.lots])[made.lot]
    standing = made.phase_state == State.STANDING
    return np.bincount(hood, weights=city.footprint_m2 * made.floors * yields * standing, minlength=len(city.plan.neighbourhoods)).astype(
        np.float64
    )


def grid(city: City) -> pa.Table:
    """Grid cells of social management (网格, division level 6), coded below the county they lie in."""
    from_lines = shapely.boundary(shapely.box(*np.array([(c.west, c.south, c.east, c.north) for c in city.plan.neighbourhoods]).T))
    lines = shapely.segmentize(shapely.get_parts(shapely.union_all(from_lines, grid_size=0.05)), 60.0)
    cells = np.asarray(shapely.get_parts(shapely.polygonize(lines)))
    placed = city.frame.place(cells)
    county = city.counties.of(shapely.point_on_surface(placed))
    people = _people_in(city, cells)
    number = np.arange(len(cells))
    columns = {
        "code": _grid_codes(city, county),
        "name": np.array([f"示例第{n + 1}网格" for n in number]),
        "class": np.where(people > 4000, "重点网格", "一般网格"),
        "persons": people,
        "area_m2": np.round(city.frame.area_m2(placed), 0),
        "county": county,
    }
    return table(placed, columns)


def _grid_codes(city: City, county: Texts) -> Texts:
    """County, then a town, village and cell number of a series no real place has (9…)."""
    town = 900 + int(city.recipe.tag or "0", 16) % 100
    return np.array([f"{each}{town}{900 + n // 100:03d}{n % 100:03d}" for n, each in enumerate(county.tolist())], dtype=np.str_)


def _people_in(city: City, cells: Geometries) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    home, persons = city.residents
    point, cell = shapely.STRtree(cells).query(shapely.points(city.centres[home]), predicate="intersects")
    first = np.unique(point, return_index=True)[1]
    return np.bincount(cell[first], weights=persons[point[first]], minlength=len(cells)).astype(np.int64)
