"""Vertical datums by the names people use. Heights are carried as they come and labelled; nothing here changes one.

The zero surfaces of China differ by decimetres, and published differences disagree from place to place (in Guangdong between 1985 and 1956
+0.03 m and −0.16 m are both in print, between 1985 and the Pearl River surface 0.56 m and 0.74 m), so no fixed number is kept here.
"""

import re
from dataclasses import dataclass

from twin.errors import BadParameter

UNKNOWN = "高程基准未知"
FOOT_M, US_FOOT_M = 0.3048, 1200 / 3937
UNITS = {"m": 1.0, "ft": FOOT_M, "us-ft": US_FOOT_M}
"""Metres of one unit of height: metre, international foot, US survey foot."""


@dataclass(frozen=True, slots=True)
class VerticalDatum:
    """A surface that heights count from. `name` is what a layer says; `is_ellipsoidal` heights need no geoid to be placed in space."""

    name: str
    title_en: str
    epsg: int | None = None
    words: tuple[str, ...] = ()
    is_ellipsoidal: bool = False


DATUMS: tuple[VerticalDatum, ...] = (
    VerticalDatum("1985国家高程基准", "1985 National Height Datum", 5737, ("1985", "85", "85高程", "国家85高程基准", "yellowsea1985")),
    VerticalDatum("1956黄海高程系", "Yellow Sea 1956", 5736, ("1956", "56", "56黄海", "1956黄海", "黄海高程", "1956年黄海高程系", "yellowsea1956")),
    VerticalDatum("珠江高程基准", "Pearl River height datum", None, ("珠江", "珠江高程", "珠基", "珠江基面", "pearlriver")),
    VerticalDatum("广州城建高程", "Guangzhou city height datum", None, ("广州高程", "广州城建高程系", "广州市城建高程系")),
    VerticalDatum("EGM96", "EGM96 geoid", 5773, ("egm96height",)),
    VerticalDatum("EGM2008", "EGM2008 geoid", 3855, ("egm08", "egm2008height")),
    VerticalDatum("WGS84椭球高", "WGS 84 ellipsoidal height", 4979, ("wgs84ellipsoidal", "wgs84ellipsoid", "wgs84", "wgs84大地高", "椭球高", "大地高"), True),
    VerticalDatum("CGCS2000大地高", "CGCS2000 ellipsoidal height", 4480, ("cgcs2000ellipsoidal", "cgcs2000", "cgcs2000椭球高", "2000大地高"), True),
)  # fmt: skip
_EPSG = re.compile(r"epsg:(\d{4,6})", re.IGNORECASE | re.ASCII)


def parse_vertical_datum(text: str) -> VerticalDatum:
    """The datum called `text`, by name, word or EPSG code (case, blanks and dashes do not matter); BadParameter for any other."""
    plain = re.sub(r"[\s_\-（）()]", "", text).lower()
    if plain in ("unknown", "未知", UNKNOWN):
        return VerticalDatum(UNKNOWN, "Height datum unknown")
    code = _EPSG.fullmatch(text.strip())
    for datum in DATUMS:
        if (code and datum.epsg == int(code[1])) or plain in (datum.name.lower(), *datum.words) or plain == _plain(datum.title_en):
            return datum
    names = [datum.name for datum in DATUMS]
    raise BadParameter(
        f"vertical datum {text!r} is none of {', '.join(names)}",
        f"高程基准 {text!r} 不是 {'、'.join(names)} 之一",
        place="vertical_datum",
        mend="不确定时不要填写，图层会注明高程基准未知 / leave it out when it is not known, the layer then says so",
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s_\-]", "", text).lower()
