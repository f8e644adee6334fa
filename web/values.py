"""The one strict reading of numbers, boxes and times in a query: ASCII, finite, bounded; never a bare float() or int()."""

import math
import re
from datetime import UTC, date, datetime, timedelta, timezone

from twin.errors import BadParameter
from twin.layer import Bounds
from twin.view import TimeSpan

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
#: A date without a zone means that day in China Standard Time, as the people who write it mean it.
DAY_ZONE = timezone(timedelta(hours=8))
_DAY = timedelta(days=1) - timedelta(microseconds=1)
_MAX_ECHO = 60


def refuse(place: str, value: str, want_en: str, want_zh: str) -> BadParameter:
    """The refusal of one value: names the place, echoes the value shortly, says what would be right."""
    shown = value if len(value) <= _MAX_ECHO else value[:_MAX_ECHO] + "…"
    return BadParameter(f"{place}={shown!r}: expected {want_en}", f"参数 {place}={shown!r} 无效，应为{want_zh}", place=place, mend=want_zh)


def integer(text: str, place: str, low: int, high: int) -> int:
    """An ASCII integer in [low, high]; BadParameter otherwise."""
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise refuse(place, text, f"an integer from {low} to {high}", f"{low} 到 {high} 的整数")
    return int(text)


def number(text: str, place: str, low: float = -1e300, high: float = 1e300) -> float:
    """A finite ASCII decimal number in [low, high]; BadParameter otherwise."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise refuse(place, text, f"a finite number from {low:g} to {high:g}", f"{low:g} 到 {high:g} 的有限数")
    return value


def boolean(text: str, place: str) -> bool:
    """`true` or `false`; BadParameter otherwise."""
    if text not in ("true", "false"):
        raise refuse(place, text, "true or false", "true 或 false")
    return text == "true"


def bbox(text: str, place: str) -> Bounds:
    """minx,miny,maxx,maxy in CRS84 degrees out of 4 or 6 numbers (heights are checked, not used); minx > maxx crosses 180°."""
    parts = text.split(",")
    if len(parts) not in (4, 6):
        raise refuse(place, text, "4 or 6 numbers", "4 个或 6 个数")
    half = len(parts) // 2
    x0, y0, x1, y1 = (number(parts[i], place, -limit, limit) for i, limit in ((0, 180), (1, 90), (half, 180), (half + 1, 90)))
    if half == 3 and number(parts[2], place) > number(parts[5], place):
        raise refuse(place, text, "lowest height before highest", "最低高程在前、最高高程在后")
    if y0 > y1:
        raise refuse(place, text, "south before north", "南纬度在前、北纬度在后")
    return (x0, y0, x1, y1)


def instant(text: str, place: str) -> datetime:
    """An RFC 3339 date-time with its zone, as UTC; BadParameter otherwise."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        hint = "；网址中的“+”须写作 %2B" if " " in text else ""
        raise refuse(place, text, "an RFC 3339 date-time such as 2026-01-31T08:00:00Z", "RFC 3339 时刻，例如 2026-01-31T08:00:00Z" + hint)
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    micro = int((match[7] or "")[:6].ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro, _zone(match)).astimezone(UTC)
    except (ValueError, OverflowError) as exc:
        raise refuse(place, text, "a date-time that exists", "真实存在的时刻") from exc


def _zone(match: re.Match[str]) -> timezone:
    """The zone of a matched instant; ValueError beyond 14:00, which no place on earth uses."""
    if match[8]:
        return UTC
    hours, minutes = int(match[10]), int(match[11])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if match[9] == "-" else offset)


def day(text: str, place: str) -> date:
    """A full date such as 2026-01-31; BadParameter otherwise."""
    match = _DATE.fullmatch(text)
    try:
        if match is not None:
            return date(*map(int, match.groups()))
    except ValueError:
        pass
    raise refuse(place, text, "a date such as 2026-01-31", "日期，例如 2026-01-31")


def _bounds_of(text: str, place: str) -> tuple[datetime, datetime]:
    """First and last moment that one date or instant names."""
    if not _DATE.fullmatch(text):
        moment = instant(text, place)
        return moment, moment
    try:
        start = datetime.combine(day(text, place), datetime.min.time(), DAY_ZONE)
        return start.astimezone(UTC), (start + _DAY).astimezone(UTC)
    except OverflowError as exc:
        raise refuse(place, text, "a date from 0001-01-02 to 9999-12-31", "0001-01-02 至 9999-12-31 的日期") from exc


def timespan(text: str, place: str) -> TimeSpan:
    """An instant, a date, or an interval of them with `..` (or nothing) for an open end; reversed intervals are refused."""
    parts = text.split("/")
    if len(parts) == 1:
        return TimeSpan(*_bounds_of(text, place))
    if len(parts) != 2 or parts == ["", ""]:
        raise refuse(place, text, "one instant, or two with one '/' between", "一个时刻，或以一个“/”分隔的两个时刻")
    start = None if parts[0] in ("", "..") else _bounds_of(parts[0], place)[0]
    end = None if parts[1] in ("", "..") else _bounds_of(parts[1], place)[1]
    if start is not None and end is not None and start > end:
        raise refuse(place, text, "the earlier end first", "较早的时刻在前")
    return TimeSpan(start, end)
