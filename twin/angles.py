"""One angle or ordinate as a table has it: decimal degrees, degrees minutes seconds in many spellings, decimal commas, N S E W."""

import re
import unicodedata

_SIDES = {"N": 1, "E": 1, "S": -1, "W": -1, "北纬": 1, "东经": 1, "南纬": -1, "西经": -1, "北": 1, "东": 1, "南": -1, "西": -1}
_LATITUDES = frozenset(("N", "S", "北纬", "南纬", "北", "南"))
_SIDE = r"(?:[NSEW]|北纬|南纬|东经|西经|[北南东西])"
_DECIMAL = r"\d{1,15}(?:[.,]\d{1,15})?"
_NUMBER = re.compile(r"([+-]?)(\d*(?:[.,]\d*)?)(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_SEXAGESIMAL = re.compile(
    rf"(?P<side>{_SIDE})?\s*(?P<sign>[+-])?\s*(?P<deg>{_DECIMAL})"
    rf"(?:\s*[°º度dD]\s*(?:(?P<min>{_DECIMAL})\s*['’‘′`分mM]\s*(?:(?P<sec>{_DECIMAL})\s*(?:[\"”“″秒sS]|''|′′|’’)?)?)?"
    rf"|(?P<mark>\s+|-|:|：)(?P<min2>{_DECIMAL})(?:(?P=mark)(?P<sec2>{_DECIMAL}))?)?\s*(?P<end>{_SIDE})?",
    re.IGNORECASE | re.ASCII,
)
_SECONDS_ONLY = re.compile(rf"([+-]?)\s*({_DECIMAL})\s*(?:[\"”″秒]|''|′′)", re.ASCII)
_MAX_CHARS = 60


def parse_ordinate(text: str) -> float | None:
    """A plain number with point or comma; None when it is none. More than one comma or point is none: 1.234,5 is nobody's coordinate."""
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= _MAX_CHARS else None
    if match is None or not any(letter.isdigit() for letter in match[2]):
        return None
    return float(f"{match[1]}{match[2].replace(',', '.')}{'e' + match[3] if match[3] else ''}")


def parse_angle(text: str, limit: float = 180.0) -> float | None:
    """Degrees of 113.925, 113,925, 113°55′30″E, 113 55 30, 113-55-30, 113:55:30, N22.5, 东经113度55分30秒 or 45″; None when it is none.

    Minutes and seconds below 60; a sign and a letter that disagree (−113 E is not refused by any tool, and wrong) are none.
    """
    if len(text) > _MAX_CHARS:
        return None
    clean = unicodedata.normalize("NFKC", text.replace("″", '"').replace("′", "'").replace("º", "°").replace("˚", "°")).strip()
    plain = parse_ordinate(clean)
    degrees = plain if plain is not None else _sexagesimal(clean)
    return degrees if degrees is not None and abs(degrees) <= limit else None


def is_latitude_text(text: str) -> bool | None:
    """Whether a value names itself a latitude (N, 北纬) or a longitude (E, 东经); None when it has no letter."""
    clean = unicodedata.normalize("NFKC", text).strip().upper()
    clean = clean.removesuffix("S") if "D" in clean else clean  # 22d30m15s ends in seconds
    side = next((word for word in _SIDES if clean.startswith(word) or clean.endswith(word)), None)
    return None if side is None else side in _LATITUDES


def _sexagesimal(text: str) -> float | None:
    if match := _SECONDS_ONLY.fullmatch(text):
        return (-1 if match[1] == "-" else 1) * _value(match[2]) / 3600
    match = _SEXAGESIMAL.fullmatch(text)
    if match is None or (match["side"] and match["end"]):
        return None
    minutes, seconds = _value(match["min"] or match["min2"]), _value(match["sec"] or match["sec2"])
    if minutes >= 60 or seconds >= 60:
        return None
    side = (match["side"] or match["end"] or "").upper()
    if side and match["sign"]:
        return None
    sign = _SIDES.get(side, -1 if match["sign"] == "-" else 1)
    return sign * (_value(match["deg"]) + minutes / 60 + seconds / 3600)


def _value(text: str | None) -> float:
    return float(text.replace(",", ".")) if text else 0.0
