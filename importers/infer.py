"""Fixes a layer's fields from what a file has: roles by name, titles in two languages, what can be asked for, what tiles carry."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from dataclasses import field as default

from importers.base import Column
from importers.match import Renamed, rename
from importers.options import FieldOverride
from twin.errors import BadParameter
from twin.fields import BASE_COLUMNS, Field, FieldType, Role

MAX_NAME_BYTES = 60
_LOW_CARDINALITY = 60
_MAX_QUERYABLE = 14
_MAX_IN_TILES = 8
_TILES_FROM_ZOOM = 14
_SYSTEM_COLUMNS = frozenset(("tableoid", "ctid", "xmin", "xmax", "cmin", "cmax", "_raw", "tile id", "tile geometry", "tile clearance"))
_NUMBERS = (FieldType.NUMBER, FieldType.INTEGER)
_TIMES = (FieldType.DATE, FieldType.INSTANT, FieldType.TEXT)
_CODES = (FieldType.TEXT, FieldType.INTEGER)


@dataclass(frozen=True, slots=True)
class RoleNames:
    """How sources call a role, best first; lower case, without blanks and underscores."""

    role: Role
    names: tuple[str, ...]
    types: tuple[FieldType, ...]
    title_zh: str
    title_en: str
    unit: str = ""
    weak: tuple[str, ...] = ()
    """Names of the place a thing lies in, nearest first: its own only where no other column ends like a name."""

    def names_one_of(self, plain: Collection[str]) -> bool:
        """Whether a column is called so, or may be without our knowing the word (店名, QSDWMC)."""
        return any(name in self.names or (name not in self.weak and bool(_LIKE_A_NAME.search(name))) for name in plain)


_PLACES = (
    *("行政区名称", "行政区名", "行政区划名称", "政区名称", "区划名称", "xzqmc", "xzqhmc"),
    *("村名", "村名称", "社区名", "社区名称", "村社区名称", "坐落单位名称", "zldwmc"),
    *("镇名", "镇名称", "乡镇名", "乡镇名称", "镇街名称", "街道名", "街道名称", "乡镇街道名称", "街镇名称"),
    *("县名", "县名称", "区名", "区名称", "区县名", "区县名称", "县区名称", "市区县名称", "县级名称"),
    *("市名", "市名称", "地市名称", "地市名", "城市名称", "城市名", "地级名称", "省名", "省名称"),
)
_ROLES: tuple[RoleNames, ...] = (
    RoleNames(
        Role.DIVISION,
        ("division", "行政区代码", "行政区划代码", "政区代码", "区划代码", "xzqdm", "districtcode", "divisioncode"),
        _CODES,
        "行政区",
        "Division",
    ),
    RoleNames(
        Role.CODE,
        ("code", "编码", "统一编码", "统一代码", "代码", "编号", "adcode", "admincode", "标识码", "bsm", "宗地代码", "zddm", "bdcdyh"),
        _CODES,
        "编码",
        "Code",
    ),
    RoleNames(
        Role.NAME,
        ("name", "名称", "namezh", "namechn", "mc", "标准名称", "中文名", "title", "地名", "qh"),
        (FieldType.TEXT,),
        "名称",
        "Name",
        weak=_PLACES,
    ),
    RoleNames(
        Role.CLASS,
        ("class", "地类编码", "dlbm", "类别", "类型", "分类", "category", "type", "kind", "fclass", "用途", "土地用途", "landuse"),
        _CODES,
        "类别",
        "Class",
    ),
    RoleNames(
        Role.HEIGHT, ("height", "高度", "建筑高度", "楼高", "buildingheight", "bheight", "hgt", "h"), _NUMBERS, "高度", "Height", "m"
    ),
    RoleNames(Role.BASE_HEIGHT, ("baseheight", "基底高程", "底部高程", "minheight", "地面高程"), _NUMBERS, "基底高程", "Base height", "m"),
    RoleNames(
        Role.FLOORS,
        ("floors", "层数", "楼层", "楼层数", "地上层数", "floor", "levels", "building:levels", "storeys"),
        _NUMBERS,
        "层数",
        "Floors",
    ),
    RoleNames(Role.POPULATION, ("population", "人口", "人口数", "常住人口", "pop"), _NUMBERS, "人口", "Population"),
    RoleNames(Role.PHASE, ("phase", "建设阶段", "阶段"), (FieldType.TEXT,), "建设阶段", "Phase"),
    RoleNames(Role.PLAN, ("plan", "规划方案", "方案"), (FieldType.TEXT,), "规划方案", "Plan"),
    RoleNames(Role.VALID_FROM, ("validfrom", "生效日期", "起始日期", "begindate", "建成日期"), _TIMES, "生效时间", "Valid from"),
    RoleNames(Role.VALID_TO, ("validto", "失效日期", "终止日期", "enddate", "拆除日期"), _TIMES, "失效时间", "Valid to"),
    RoleNames(Role.KEY, ("key", "uuid", "guid", "globalid", "id", "gid", "唯一标识", "唯一码"), _CODES, "标识", "Key"),
)

_TITLES = {
    "address": ("地址", "Address"),
    "area": ("面积", "Area"),
    "length": ("长度", "Length"),
    "level": ("级别", "Level"),
    "material": ("材质", "Material"),
    "status": ("状态", "Status"),
    "owner": ("权属", "Owner"),
    "year": ("年份", "Year"),
    "date": ("日期", "Date"),
    "remark": ("备注", "Remark"),
    "width": ("宽度", "Width"),
    "diameter": ("管径", "Diameter"),
    "capacity": ("容量", "Capacity"),
    "phone": ("电话", "Phone"),
    "beds": ("床位数", "Beds"),
    "地址": ("地址", "Address"),
    "面积": ("面积", "Area"),
    "长度": ("长度", "Length"),
    "材质": ("材质", "Material"),
    "状态": ("状态", "Status"),
    "权属": ("权属", "Owner"),
    "备注": ("备注", "Remark"),
    "宽度": ("宽度", "Width"),
    "管径": ("管径", "Diameter"),
    "容量": ("容量", "Capacity"),
}
_CJK = re.compile(r"[\u3400-\u9fff]")
_LIKE_A_NAME = re.compile(r"(名|名称|name|mc)$")
_HAS_ID = re.compile(r"id$|编号$|标识$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Inferred:
    """The layer's fields and the column each is filled from."""

    fields: tuple[Field, ...]
    sources: Mapping[str, str]
    """Field name → column name in the file."""
    renamed: Mapping[str, str]
    """Column name in the file → field name, where they differ."""
    left_out: tuple[str, ...] = ()
    """Columns nobody wanted."""
    matched: Mapping[str, str] = default(default_factory=dict)
    """Column name in the file → field name, where a person said so."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """Column name in the file → the role its values play."""
        return {self.sources[field.name]: field.role for field in self.fields if field.role and field.name in self.sources}


def matched(
    known: Sequence[Field],
    columns: Sequence[Column],
    distinct: Mapping[str, int],
    overrides: Sequence[FieldOverride],
    match: Mapping[str, str],
) -> Inferred:
    """Fields of a layer (`known` empty: of a new one) when `match` says which column is which field; BadParameter when it cannot be."""
    renamed = rename(columns, match)
    counts = {name: distinct.get(column, 0) for name, column in renamed.original.items()}
    said = [item.model_copy(update={"name": match.get(item.name) or item.name}) for item in overrides if item.name not in renamed.left_out]
    found = follow(known, renamed.columns, counts, said) if known else infer(renamed.columns, counts, said)
    return _as_said(found, renamed, {column: field for column, field in match.items() if field}, {field.name for field in known})


def _as_said(found: Inferred, renamed: Renamed, said: Mapping[str, str], known: Set[str]) -> Inferred:
    """`found` with the file's own column names; a field that is there gets its column even where its name alone would not have."""
    forced = {field: column for column, field in said.items() if field in known}
    stray = {name for name, source in found.sources.items() if source in forced and name != source}
    fields = tuple(field for field in found.fields if field.name not in stray)
    sources = {name: renamed.original[source] for name, source in found.sources.items() if name not in stray} | forced
    return Inferred(fields, sources, {column: name for name, column in sources.items() if name != column}, renamed.left_out, said)


def infer(columns: Sequence[Column], distinct: Mapping[str, int], overrides: Sequence[FieldOverride]) -> Inferred:
    """Fields of a new layer; BadParameter when an override names a column the file has not."""
    unknown = sorted({item.name for item in overrides} - {column.name for column in columns})
    if unknown:
        raise BadParameter(f"the file has no column {', '.join(unknown)}", f"文件没有列：{'、'.join(unknown)}", place="fields")
    said = {item.name: item for item in overrides}
    taken = {Role(item.role) for item in overrides if item.role}
    roles = _roles([column for column in columns if said.get(column.name) is None or said[column.name].role is None], taken)
    draft = [_draft(column, roles.get(column.name), said.get(column.name)) for column in columns]
    finished = _tiles(_queryable(draft, distinct, said), said)
    return _named(columns, finished)


def follow(known: Sequence[Field], columns: Sequence[Column], distinct: Mapping[str, int], overrides: Sequence[FieldOverride]) -> Inferred:
    """Fields of a layer that has some: they stay as they are, new columns are added, overrides change titles and the like."""
    fresh = infer(columns, distinct, overrides)
    by_name = {field.name: field for field in known}
    held = {field.role for field in known if field.role}
    said = {item.name: item for item in overrides}
    fields = [said[field.name].over(field) if field.name in said else field for field in known]
    for field in fresh.fields:
        if field.name not in by_name:
            free = field.role is not None and field.role not in held
            fields.append(
                field
                if free or field.role is None
                else field.model_copy(update={"role": None, "queryable": False, "in_tiles_from_zoom": None})
            )
    return Inferred(tuple(fields), fresh.sources, fresh.renamed)


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower()


def _roles(columns: Sequence[Column], taken: Iterable[Role]) -> dict[str, Role]:
    """Each role goes to the best-named column of a fitting type, each column gets one role."""
    given: dict[str, Role] = {}
    for entry in _ROLES:
        if entry.role in taken:
            continue
        free = {column.name: _plain(column.name) for column in columns if column.type in entry.types and column.name not in given}
        names = entry.names if entry.names_one_of(free.values()) else entry.weak
        if fitting := [name for name, plain in free.items() if plain in names]:
            given[min(fitting, key=lambda name: names.index(free[name]))] = entry.role
    return given


def _draft(column: Column, role: Role | None, said: FieldOverride | None) -> Field:
    entry = next((entry for entry in _ROLES if entry.role is role), None)
    if _CJK.search(column.name):
        titles = (column.name, entry.title_en if entry else _TITLES.get(column.name, ("", ""))[1])
    else:
        titles = (entry.title_zh, column.name) if entry else (_TITLES.get(_plain(column.name), (column.name, ""))[0], column.name)
    name = column.name
    while len(name.encode()) > MAX_NAME_BYTES:
        name = name[:-1]
    field = Field(
        name=name or "column", title_zh=titles[0], title_en=titles[1], type=column.type, unit=entry.unit if entry else "", role=role
    )
    return said.over(field) if said else field


def _queryable(fields: Sequence[Field], distinct: Mapping[str, int], said: Mapping[str, FieldOverride]) -> list[Field]:
    """Role fields and those of few values can be asked for."""
    out, left = [], _MAX_QUERYABLE
    for field in sorted(fields, key=lambda field: field.role is None):
        few = 0 < distinct.get(field.name, 0) <= _LOW_CARDINALITY and not _HAS_ID.search(field.name)
        wanted = left > 0 and field.type is not FieldType.JSON and (field.role is not None or few)
        if (item := said.get(field.name)) and item.queryable is not None:
            wanted = item.queryable
        left -= wanted
        out.append(field.model_copy(update={"queryable": bool(wanted)}))
    order = {id_: at for at, id_ in enumerate(field.name for field in fields)}
    return sorted(out, key=lambda field: order[field.name])


def _tiles(fields: Sequence[Field], said: Mapping[str, FieldOverride]) -> list[Field]:
    """Code, name, class and height wherever the layer is shown; other roles and a few more fields from zoom 14."""
    out, left = [], _MAX_IN_TILES
    for field in fields:
        zoom: int | None = None
        if field.role in (Role.NAME, Role.CLASS, Role.HEIGHT, Role.FLOORS, Role.CODE):
            zoom = 0
        elif field.role is not None and field.role is not Role.KEY:
            zoom = _TILES_FROM_ZOOM
        elif left > 0 and field.type is not FieldType.JSON:
            zoom, left = _TILES_FROM_ZOOM, left - 1
        if (item := said.get(field.name)) and "in_tiles_from_zoom" in item.model_fields_set:
            zoom = item.in_tiles_from_zoom
        out.append(field.model_copy(update={"in_tiles_from_zoom": zoom}))
    return out


def _named(columns: Sequence[Column], fields: Sequence[Field]) -> Inferred:
    """Names that can be columns of the view: no base column without its role, nothing twice, at most 63 bytes."""
    seen: Counter[str] = Counter(field.column for field in fields if field.column != field.name)  # names in any letter case
    out, sources = [], {}
    for column, field in zip(columns, fields, strict=True):
        name = field.name
        if (
            field.column == field.name
            and (name in BASE_COLUMNS or name in _SYSTEM_COLUMNS)
            and (field.role is None or field.role.value != name)
        ):
            name = f"{name}_"
        base, nth = name, 1
        while seen[name.casefold()] and field.column == field.name:
            nth += 1
            name = f"{base}_{nth}"
        seen[name.casefold()] += 1
        out.append(field.model_copy(update={"name": name}))
        sources[name] = column.name
    renamed = {column: name for name, column in sources.items() if name != column}
    return Inferred(tuple(out), sources, renamed)
