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
    "encoding-mismatch": Rule(_WARN, "声明的编码与内容不符", "The stated encoding does not fit the text"),
    "crs-assumed": Rule(
        _WARN, "未声明坐标系，坐标为度，按 WGS84 处理", "No crs declared; the coordinates are degrees and were taken as WGS84"
    ),
    "crs-approximate": Rule(_WARN, "坐标系转换只有近似精度", "The transformation between the reference systems is approximate"),
    "datum-doubt": Rule(
        _WARN, "坐标与已知边界不符，疑似偏移坐标", "The coordinates do not fit known boundaries: another datum fits better"
    ),
    "column-renamed": Rule(_NOTE, "列名已改", "A column was renamed"),
    "column-dropped": Rule(_WARN, "列未导入", "A column was left out"),
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
    "bad-text": Rule(_REPAIR, "文本含无法解码的字节，已替换", "Bytes that are no text were replaced"),
    # kept rows, look at them
    "null-geometry": Rule(_NOTE, "没有几何，保留对象", "No geometry: the object is kept without a place"),
    "duplicate-key": Rule(_WARN, "主键重复，已加序号", "The key occurs more than once; an ordinal was added"),
    "empty-key": Rule(_WARN, "主键为空，以内容代替", "The key is empty; the content stands for it"),
    "bad-value": Rule(_WARN, "值与字段类型不符，已置空并存入 _raw", "A value does not fit its field's type; kept under _raw"),
    "no-division": Rule(_NOTE, "未落在任何已知行政区", "The place lies in no known division"),
}


def rule(name: str) -> Rule:
    """The rule called `name`; a name from nowhere is a note, so no finding is ever lost."""
    return RULES.get(name) or Rule(Severity.NOTE, name, name)


#: Rules by which a reader (not the geometry check) refuses a row before it becomes one of a chunk.
REFUSED_BY_READER = frozenset({"bad-line", "bad-coordinates"})
