"""Glyphs for the labels of pictures, in the form MapLibre reads: signed distances, drawn from a Debian font when a text first needs them."""

import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import distance_transform_edt

from twin.picture import FONT

Ink = np.ndarray[Any, np.dtype[np.float64]]

#: The first that is there is used: both have all of GB 2312 and Latin letters.
FONTS: Final = (
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
)
_NOTO_SC: Final = 2
"""Place of the simplified Chinese face in Noto's collection."""
#: What MapLibre takes for granted: 24 px to the em, 3 px around, a distance of 8 px is the whole scale, its edge at 192 of 255.
_EM_PX, _BORDER_PX, _RADIUS_PX, _EDGE = 24, 3, 8.0, 192
_BASELINE_PX: Final = 26
"""MapLibre hangs glyphs from here, whatever the font says."""
_MOST_GLYPHS: Final = 30_000
_UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202f\ud800-\udfff\ue000-\uf8ff\ufff0-\uffff]")


class Glyphs:
    """Glyphs of one font, each made once."""

    def __init__(self, font: Path) -> None:
        index = _NOTO_SC if "Noto" in font.name else 0
        self._face = ImageFont.truetype(font, _EM_PX, index=index, layout_engine=ImageFont.Layout.BASIC)
        self._made: dict[int, bytes] = {}

    def write(self, folder: Path, texts: Iterable[str]) -> str:
        """Put every glyph of `texts` below `folder`, and return what a style names as `glyphs`."""
        (folder / FONT).mkdir()
        ranges: dict[int, set[int]] = {}
        for unit in {unit for text in texts for unit in _units(text)}:
            ranges.setdefault(unit >> 8, set()).add(unit)
        for number, codes in ranges.items():
            start, end = number << 8, (number << 8) + 255
            stack = _bytes(1, FONT.encode()) + _bytes(2, f"{start}-{end}".encode()) + b"".join(map(self._glyph, sorted(codes)))
            (folder / FONT / f"{start}-{end}.pbf").write_bytes(_bytes(1, stack))
        return f"file://{folder}/{{fontstack}}/{{range}}.pbf"

    def _glyph(self, code: int) -> bytes:
        """The field `glyph` of a stack; nothing for what is never seen."""
        if code not in self._made:
            if len(self._made) >= _MOST_GLYPHS:
                self._made.clear()
            self._made[code] = b"" if _UNSEEN.match(chr(code)) else _bytes(3, _draw(self._face, chr(code)))
        return self._made[code]


def find_glyphs() -> Glyphs | None:
    """The glyphs of the first font this machine has; None without one, and then pictures have no labels."""
    font = next((path for path in FONTS if path.exists()), None)
    return Glyphs(font) if font else None


def _units(text: str) -> Iterator[int]:
    """UTF-16 code units: the renderer asks for the range of half a character too."""
    return (unit for (unit,) in struct.iter_unpack("<H", text.encode("utf-16-le", "surrogatepass")))


def _draw(face: ImageFont.FreeTypeFont, letter: str) -> bytes:
    """One message `glyph`; without a bitmap for what leaves no ink."""
    left, top, right, bottom = (round(side) for side in face.getbbox(letter, anchor="ls"))
    width, height = right - left, bottom - top
    code, advance = _number(1, ord(letter)), _number(7, round(face.getlength(letter)))
    if width <= 0 or height <= 0:
        return code + _number(3, 0) + _number(4, 0) + _number(5, 0) + _number(6, 0) + advance
    ink = Image.new("L", (width + 2 * _BORDER_PX, height + 2 * _BORDER_PX))
    ImageDraw.Draw(ink).text((_BORDER_PX - left, _BORDER_PX - top), letter, font=face, fill=255, anchor="ls")
    sizes = _number(3, width) + _number(4, height) + _number(5, _zigzag(left)) + _number(6, _zigzag(-top - _BASELINE_PX))
    return code + _bytes(2, _distances(np.asarray(ink, dtype=np.float64) / 255.0)) + sizes + advance


def _distances(ink: Ink) -> bytes:
    """How far each pixel is from the edge; a grey pixel has the edge inside itself, others count from the nearest that is not like them."""
    touched, full = ink > 0, ink >= 1
    if not touched.any():
        return bytes(ink.size)
    outside, grey_or_ink = distance_transform_edt(~touched, return_indices=True)
    inside, grey_or_gap = distance_transform_edt(full, return_indices=True)
    reach = np.where(touched, ink - 0.5, ink[tuple(grey_or_ink)] - 0.5 - outside)
    reach = np.where(full, inside + ink[tuple(grey_or_gap)] - 0.5, reach)
    levels = np.round(_EDGE + reach * 255.0 / _RADIUS_PX)
    return bytes(np.clip(levels, 0, 255).astype(np.uint8).tobytes())


# ---- protocol buffers ------------------------------------------------------------------------------------------------


def _zigzag(value: int) -> int:
    return (value << 1) ^ (value >> 63)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
