"""What each finding means: its severity and what people read, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass

from importers.base import Severity

_NOTE, _WARN, _REPAIR, _REFUSE = Severity.NOTE, Severity.WARN, Severity.REPAIR, Severity.REFUSE


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding."""

    severity: Severity
    zh: str
    en: str


RULES: Mapping[str, Rule] = {
    # the file
    "reader-warning": Rule(_NOTE, "读取程序提示", "The reader remarked"),
    "missing-shx": Rule(_NOTE, "缺少 .shx 索引，已重建", "The .shx index is missing and was rebuilt"),
    "missing-dbf": Rule(_WARN, "缺少 .dbf，无属性", "The .dbf is missing: no attributes"),
    "missing-prj": Rule(_NOTE, "缺少 .prj，文件未说明坐标系", "The .prj is missing: the file does not state its crs"),
    "encoding-detected": Rule(_NOTE, "文件未说明编码，按内容判定", "The file does not state its encoding; found by its content"),
    "link-not-followed": Rule(_NOTE, "文件引用了其他文件或地址，未读取", "The file refers to other files or addresses; they were not read"),
    "encoding-mismatch": Rule(_WARN, "声明的编码与内容不符", "The stated encoding does not fit the text"),
    "crs-assumed": Rule(
        _WARN, "未声明坐标系，坐标为度，按 WGS84 处理", "No crs declared; the coordinates are degrees and were taken as WGS84"
    ),
    "crs-found": Rule(_WARN, "文件未说明坐标系，按坐标数值判定", "No crs declared; found by where the coordinates lie"),
    "prj-doubt": Rule(_WARN, "坐标与声明的坐标系不符", "The coordinates do not fit the declared reference system"),
    "axis-order": Rule(_WARN, "坐标轴顺序颠倒，已对调", "The axes are the other way round (north first) and were turned"),
    "crs-parameters": Rule(_NOTE, "坐标按给定参数换算", "Coordinates were computed by the parameters that were said"),
    "angle-text": Rule(_NOTE, "坐标为度分秒文本，已换算为度", "Coordinates in degrees, minutes, seconds were turned into degrees"),
    "decimal-comma": Rule(_NOTE, "坐标以逗号作小数点，已换算", "Coordinates with a decimal comma were read as such"),
    "columns-swapped": Rule(
        _WARN, "经度列为纬度、纬度列为经度，已对调", "The longitude column holds latitudes and the other way round; they were turned"
    ),
    "height-datum": Rule(_NOTE, "高程基准已注明，高程未改动", "The datum of heights is noted; no height was changed"),
    "height-datum-unknown": Rule(_NOTE, "高程基准未知", "Heights have no stated vertical datum"),
    "height-datum-mixed": Rule(_WARN, "高程基准与图层已有数据不同", "The vertical datum differs from that of the layer"),
    "height-unit": Rule(_NOTE, "高程已换算为米", "Heights were turned into metres"),
    "height-unit-unknown": Rule(
        _WARN, "平面坐标为英尺，高程单位未说明，按米处理", "Coordinates are in feet and nobody says the unit of heights; taken as metres"
    ),
    "crs-approximate": Rule(_WARN, "坐标系转换只有近似精度", "The transformation between the reference systems is approximate"),
    "datum-doubt": Rule(
        _WARN, "坐标与已知边界不符，疑似偏移坐标", "The coordinates do not fit known boundaries: another datum fits better"
    ),
    "column-renamed": Rule(_NOTE, "列名已改", "A column was renamed"),
    "column-dropped": Rule(_WARN, "列未导入", "A column was left out"),
    "column-left-out": Rule(_NOTE, "按要求未导入该列", "The column was left out as asked"),
    "exploded": Rule(_NOTE, "多部件要素已拆分", "Multi-part features were split"),
    # refused rows
    "bad-line": Rule(_REFUSE, "该行无法读取", "The line cannot be read"),
    "bad-coordinates": Rule(_REFUSE, "坐标列的值不是数值", "A coordinate column holds no number"),
    "bad-geometry": Rule(_REFUSE, "几何无法读取", "The geometry cannot be read"),
    "not-finite": Rule(_REFUSE, "坐标不是有限数值", "A coordinate is not a finite number"),
    "out-of-range": Rule(_REFUSE, "坐标超出经纬度范围", "A coordinate is outside longitude or latitude"),
    # repaired rows
    "ring-closed": Rule(_REPAIR, "环未闭合，已闭合", "An open ring was closed"),
    "surface-flattened": Rule(_REPAIR, "曲面改为多面", "A surface was turned into polygons"),
    "curve-linearised": Rule(_REPAIR, "曲线改为折线（2°一段）", "A curve was turned into lines (2° steps)"),
    "measure-dropped": Rule(_NOTE, "M 值已舍去", "The measure (M) was dropped"),
    "height-dropped": Rule(_REPAIR, "Z 值无效，已舍去", "A height that is no number was dropped"),
    "invalid-geometry": Rule(_REPAIR, "几何无效，已修复", "The geometry was invalid and was repaired"),
    "repair-area": Rule(_WARN, "修复后面积变化超过 0.1%", "The repair changed the area by more than 0.1 %"),
    "collapsed": Rule(_REPAIR, "几何退化，修复后为空，保留对象", "The geometry collapsed: the object is kept without a place"),
    "ring-dropped": Rule(
        _REPAIR,
        "不成面的环（不足四个顶点）已去除，其余部分保留",
        "A ring that encloses nothing (under four vertices) was dropped, the rest kept",
    ),
    "repeated-points": Rule(_NOTE, "连续重复的顶点，已去除", "Vertices that follow themselves were dropped"),
    "ring-order": Rule(
        _REPAIR, "内外环颠倒或方向有误，已按奇偶规则重组", "Shells and holes were mixed up; put together again, every second ring a hole"
    ),
    "antimeridian": Rule(_REPAIR, "跨越 180° 经线，已在该处切开", "The shape crosses the 180th meridian and was cut there"),
    "longitude-turned": Rule(_REPAIR, "经度超出 ±180°，已折回", "Longitudes beyond ±180° were turned back"),
    "ring-direction": Rule(_NOTE, "环的方向与规范相反，面积不受影响", "A ring turns the wrong way; the area is the same"),
    "sliver": Rule(_WARN, "碎屑面：平均宽度不足 0.1 米", "A sliver: less than 0.1 m wide on average"),
    "mixed-types": Rule(_NOTE, "文件混有不同几何类型", "The file mixes kinds of geometry"),
    "days-read": Rule(_NOTE, "文本按日期读取", "Text was read as days"),
    "day-numbers": Rule(
        _WARN, "数值按电子表格日期序号读取，请核对", "Numbers were read as the day numbers of a spreadsheet: look whether they are"
    ),
    "code-restored": Rule(
        _REPAIR, "代码丢失的前导零已补回（代码表中确有其码）", "A code's lost leading zero was put back: the code exists only with it"
    ),
    "short-code": Rule(
        _WARN, "代码比同列其他值短，疑似丢失前导零", "A code is shorter than its column's others: leading zeros may be lost"
    ),
    "name-completed": Rule(_NOTE, "被截断的字段名已按图层字段补全", "A field's name that was cut was completed from the layer's"),
    "name-cut": Rule(_NOTE, "字段名在第 10 字节处截断于字符中间", "A field's name was cut at 10 bytes, inside a character"),
    "doubled-name": Rule(
        _WARN, "字段重名（不分大小写），已加序号", "Two fields have one name (whatever the letter case); an ordinal was added"
    ),
    "mixed-encodings": Rule(
        _WARN, "部分行的编码与其余不同，已逐行判定", "Some rows are in another encoding than the rest; decided row by row"
    ),
    "bad-text": Rule(_REPAIR, "文本含无法解码的字节，已替换", "Bytes that are no text were replaced"),
    # kept rows, look at them
    "null-geometry": Rule(_NOTE, "没有几何，保留对象", "No geometry: the object is kept without a place"),
    "duplicate-key": Rule(_WARN, "主键重复，已加序号", "The key occurs more than once; an ordinal was added"),
    "empty-key": Rule(_WARN, "主键为空，以内容代替", "The key is empty; the content stands for it"),
    "bad-value": Rule(_WARN, "值与字段类型不符，已置空并存入 _raw", "A value does not fit its field's type; kept under _raw"),
    "bad-code": Rule(_WARN, "值不在代码表中，原样保留", "A value is not in the code list; kept as it is"),
    "topology-overlap": Rule(_WARN, "拓扑：两个面重叠", "Topology: two areas overlap"),
    "topology-gap": Rule(_WARN, "拓扑：面之间有缝隙", "Topology: a gap between areas"),
    "topology-duplicate": Rule(_WARN, "拓扑：两个面完全相同", "Topology: two areas are identical"),
    "topology-failed": Rule(_WARN, "拓扑检查未完成，数据已发布", "The topology check did not finish; the data is published"),
    "no-division": Rule(_NOTE, "未落在任何已知行政区", "The place lies in no known division"),
}


#: Why GEOS calls a geometry invalid, in Chinese.
REASONS_ZH: dict[str, str] = {
    "Self-intersection": "边自相交",
    "Ring Self-intersection": "环自相接触",
    "Too few points in geometry component": "顶点太少",
    "Hole lies outside shell": "内环在外环之外",
    "Holes are nested": "内环相互嵌套",
    "Nested holes": "内环相互嵌套",
    "Nested shells": "外环相互嵌套",
    "Interior is disconnected": "内部不连通",
    "Duplicate Rings": "环重复",
    "Ring is not closed": "环未闭合",
    "Invalid Coordinate": "坐标无效",
}


def rule(name: str) -> Rule:
    """The rule called `name`; a name from nowhere is a note, so no finding is ever lost."""
    return RULES.get(name) or Rule(Severity.NOTE, name, name)


#: Rules by which a reader (not the geometry check) refuses a row before it becomes one of a chunk.
REFUSED_BY_READER = frozenset({"bad-line", "bad-coordinates"})
