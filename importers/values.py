"""What staged values are before their types are fixed: days in the many ways people write them, and codes that lost leading zeros.

What is sure is mended and said; what is only likely is said.
"""

import re
from collections.abc import Iterator

from importers.base import Column, Finding
from importers.draft import Staged
from importers.running import Run
from postgis import stage_values as values
from postgis.stage import StagedColumn
from twin.codes import code_list
from twin.fields import FieldType

_DAY_NAME = re.compile(r"日期|时间|date|time|_at$|年月日|rq$|sj$", re.IGNORECASE)
_DAY_VALUE = re.compile(r"^\s*[0-9]{4}([-/.]|年)[0-9]{1,2}([-/.]|月)[0-9]{1,2}日?([T ]*[0-9]{1,2}[:时].*)?\s*$")
_MOST_ODD = 0.1
"""Share of values that may be no day (不详, /): they are kept aside as odd values."""
_SERIALS = (20_000, 60_000)
"""Day numbers of a spreadsheet from 1954 to 2064."""
_LAND_USE = re.compile(
    r"^(dlbm|dldm|地类编码|地类代码|land_?use_?code|用地(分类|性质)?(编码|代码)|用地用海(分类)?(编码|代码))$", re.IGNORECASE
)
_POSTCODE = re.compile(r"^(邮编|邮政编码|post_?code|zip_?code|yzbm)$", re.IGNORECASE)
_CODE = re.compile(r"(code|dm|bm|编码|代码|编号)$", re.IGNORECASE)
_POSTCODE_LENGTH = 6
_SAME_LENGTH = 0.95
"""Share from which codes are taken to have one length: numbers that just count reach 0.9 at most."""
_LEAST_LENGTH = 4
_DIVISION_LENGTHS = (2, 4, 6, 9, 12)


def settle_values(run: Run, staged: Staged) -> None:
    """Give columns of days their type and codes their zeros; `staged` is changed, and what was done is noted."""
    for at, column in enumerate(staged.meta.columns):
        held = staged.staging.columns[at]
        if column.type in (FieldType.TEXT, FieldType.INTEGER, FieldType.NUMBER) and not _as_code(run, staged, column, held):
            kind = _day_type(run, staged, column, held)
            if kind is not column.type:
                _retype(staged, column, kind)


def _retype(staged: Staged, column: Column, kind: FieldType) -> None:
    columns = tuple(item.model_copy(update={"type": kind}) if item.name == column.name else item for item in staged.meta.columns)
    staged.meta = staged.meta.model_copy(update={"columns": columns})


# days


def _day_type(run: Run, staged: Staged, column: Column, held: StagedColumn) -> FieldType:
    """DATE or INSTANT for a column of days, else the type it has. The values stay as they are until they are published."""
    named = bool(_DAY_NAME.search(column.name))
    sample = values.some_values(run.connection, staged.staging, held) if named or column.type is FieldType.TEXT else []
    if not sample or not _may_be_days(sample, column.type, named):
        return column.type
    found = values.days_in(run.connection, staged.staging, held)
    if found.days < (1 - _MOST_ODD) * found.filled:
        return column.type
    forms = values.day_forms(run.connection, staged.staging, held)
    if any(value != read for value, read, _ in forms):
        shown = "，".join(f"{value} → {read} ({count})" for value, read, count in forms)
        serial = column.type is not FieldType.TEXT and _is_serial(sample)
        run.note("day-numbers" if serial else "days-read", f"{column.name}：{shown}", f"{column.name}: {shown.replace('，', ', ')}")
    return FieldType.INSTANT if found.times else FieldType.DATE


def _may_be_days(sample: list[str], kind: FieldType, named: bool) -> bool:
    """Whether a sample is worth asking all values: separators, or a telling name over numbers that could be days."""
    if kind is FieldType.TEXT:
        like = sum(bool(_DAY_VALUE.match(value)) for value in sample)
        return like >= (1 - _MOST_ODD) * len(sample) or named
    return named and (_is_serial(sample) or all(re.fullmatch(r"(19|20)[0-9]{6}", value) for value in sample))


def _is_serial(sample: list[str]) -> bool:
    low, high = _SERIALS
    return all(re.fullmatch(r"[0-9]{5}(\.[0-9]+)?", value) and low <= float(value) < high for value in sample)


# codes


def _as_code(run: Run, staged: Staged, column: Column, held: StagedColumn) -> bool:
    """Whether a column holds codes; zeros are put back where the code is known, and suspicious lengths are reported."""
    name = re.sub(r"\s", "", column.name)
    if _LAND_USE.match(name) or _POSTCODE.match(name):
        _restore(run, staged, column, held, land_use=bool(_LAND_USE.match(name)))
        return True
    if column.type is FieldType.NUMBER or not _CODE.search(name):
        return False
    lengths = values.lengths_in(run.connection, staged.staging, held, staged.summary.rows)
    if short := _too_short(lengths):
        run.findings([*_short(run, staged, column, held, short, lengths[0][0])])  # asked before they are written: one connection
    return False


def _restore(run: Run, staged: Staged, column: Column, held: StagedColumn, *, land_use: bool) -> None:
    """Land use by its code list, postcodes by their six digits; a column of numbers becomes text either way."""
    if column.type is FieldType.NUMBER:
        return
    if run.keys and run.keys.key == column.name:
        run.keys = None  # what was 1 may be 01 now, and another row's key
    if column.type is FieldType.INTEGER:
        staged.staging = run.staging = values.make_text(run.connection, staged.staging, held)
        _retype(staged, column, FieldType.TEXT)
        held = staged.column(column.name)
    if land_use:
        done = values.restore_known(run.connection, staged.staging, held, set(code_list("land_use").entries))
    else:
        done = values.pad(run.connection, staged.staging, held, _POSTCODE_LENGTH)
    run.findings(
        Finding(rule="code-restored", row=row, detail_zh=f"{column.name}：{before} → {now}", detail_en=f"{column.name}: {before} → {now}")
        for row, before, now in done
    )


def _too_short(lengths: list[tuple[int, int, int]]) -> list[int]:
    """Lengths one or two under the usual one, where codes have a usual length: some begin with a zero, or nearly all are as long."""
    if not lengths or lengths[0][0] < _LEAST_LENGTH:
        return []
    usual, count, zeros = lengths[0]
    if not zeros and count < _SAME_LENGTH * sum(item[1] for item in lengths):
        return []
    levels = _DIVISION_LENGTHS if usual in _DIVISION_LENGTHS else ()
    return [length for length, _, starting in lengths if usual - 2 <= length < usual and not starting and length not in levels]


def _short(run: Run, staged: Staged, column: Column, held: StagedColumn, short: list[int], usual: int) -> Iterator[Finding]:
    for row, value in values.short_values(run.connection, staged.staging, held, short):
        zh = f"{column.name}：{value} 为 {len(value)} 位，其余多为 {usual} 位，可能缺少前导零"
        en = f"{column.name}: {value} has {len(value)} digits, most have {usual}; leading zeros may be lost"
        yield Finding(rule="short-code", row=row, detail_zh=zh, detail_en=en)
