"""Dates and timestamps of a filter: fixed places, ASCII digits, and they must exist."""

from datetime import UTC, date, datetime, timedelta, timezone

from layers.cql2.faults import unreadable
from twin.cql2.nodes import Day, Instant, Moment

_SHAPE = "dddd-dd-ddTdd:dd:dd"
_LONGEST = 40
_MAX_OFFSET_MINUTES = 14 * 60


def read_day(text: str, at: str) -> Day:
    """`2026-01-31`; BadParameter otherwise."""
    try:
        if _looks_like(text, _SHAPE[:10]) and len(text) == 10:
            return Day(date(int(text[:4]), int(text[5:7]), int(text[8:])), at=at)
    except ValueError:
        pass
    raise unreadable(at, text, "a date such as 2026-01-31", "日期，例如 2026-01-31")


def read_moment(text: str, at: str) -> Moment:
    """`2026-01-31T08:00:00.5Z`, or with an offset instead of Z; BadParameter otherwise."""
    try:
        if _looks_like(text, _SHAPE) and len(text) <= _LONGEST:
            fraction, zone = _split(text[19:])
            hour, minute, second = int(text[11:13]), int(text[14:16]), int(text[17:19])
            time = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int(fraction[:6].ljust(6, "0")))
            if hour > 23 or minute > 59 or second > 59:
                raise ValueError("no such time")
            moment = datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), tzinfo=_zone(zone)) + time
            return Moment(moment.astimezone(UTC), at=at)
    except (ValueError, OverflowError):
        pass
    raise unreadable(at, text, "a timestamp such as 2026-01-31T08:00:00Z", "时刻，例如 2026-01-31T08:00:00Z")


def read_instant(text: str, at: str) -> Instant:
    """A date or a timestamp, by its length."""
    return read_day(text, at) if len(text) <= 10 else read_moment(text, at)


def write_moment(moment: datetime) -> str:
    """As RFC 3339, the fraction only where there is one."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _looks_like(text: str, shape: str) -> bool:
    """Whether `text` begins with ASCII digits where `shape` has a d, and with its other characters elsewhere."""
    return len(text) >= len(shape) and all(_is_digit(c) if want == "d" else c == want for c, want in zip(text, shape, strict=False))


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _split(rest: str) -> tuple[str, str]:
    """The digits after the seconds and the zone; ValueError for anything else."""
    if not rest.startswith("."):
        return "0", rest
    end = next((index for index, char in enumerate(rest) if index and not _is_digit(char)), len(rest))
    if end == 1:
        raise ValueError("no digits")
    return rest[1:end], rest[end:]


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    if len(text) != 6 or not _looks_like(text[1:], "dd:dd") or text[0] not in "+-":
        raise ValueError("no zone")
    minutes = int(text[1:3]) * 60 + int(text[4:])
    if minutes > _MAX_OFFSET_MINUTES or int(text[4:]) > 59:
        raise ValueError("no such offset")
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))
