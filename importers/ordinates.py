"""Coordinate columns of a table as numbers: decimals by Arrow, and what is left (degrees minutes seconds, decimal commas, N and E) one by one."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from importers.base import Finding, Report
from importers.geos import ArrowArray, compute
from twin.angles import is_latitude_text, parse_angle, parse_ordinate

Numbers = NDArray[np.float64]
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_LETTERS = "[NSEWnsew北南东西]"


@dataclass(slots=True)
class Ordinates:
    """Reads the coordinate columns of one file, and says once for the file what kind of text it found."""

    report: Report
    said: set[str] = field(default_factory=set)

    def pair(self, first: ArrowArray, second: ArrowArray) -> tuple[Numbers, Numbers]:
        """Longitude and latitude of each row, NaN where a value is neither; a row whose letters say N before E is turned."""
        x, y = self.values(first), self.values(second)
        turned = self._turned(first, second, np.isfinite(x) & np.isfinite(y))
        if len(turned):
            self._tell("columns-swapped", f"{first[int(turned[0])].as_py()}, {second[int(turned[0])].as_py()}")
            x[turned], y[turned] = y[turned], x[turned]
        return x, y

    def values(self, column: ArrowArray) -> Numbers:
        """One column; NaN where a value is no coordinate."""
        text = compute.utf8_trim_whitespace(column)
        good = compute.fill_null(compute.match_substring_regex(text, _NUMBER), False)
        plain = compute.utf8_ltrim(compute.if_else(good, text, pa.scalar(None, pa.string())), "+").cast(pa.float64())
        out: Numbers = np.array(compute.fill_null(plain, np.nan).to_numpy(zero_copy_only=False))
        rest = ~good.to_numpy(zero_copy_only=False) & column.is_valid().to_numpy(zero_copy_only=False)
        for at in np.flatnonzero(rest):
            out[at] = self._value(text[int(at)].as_py())
        return out

    def _value(self, text: str) -> float:
        comma = parse_ordinate(text)
        value = comma if comma is not None else parse_angle(text)
        if value is None:
            return np.nan
        self._tell("decimal-comma" if comma is not None else "angle-text", f"{text} → {value:.10g}")
        return value

    @staticmethod
    def _turned(first: ArrowArray, second: ArrowArray, read: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Rows whose letters name a latitude first and a longitude second; plain numbers are not looked at."""
        has = [compute.fill_null(compute.match_substring_regex(column, _LETTERS), False) for column in (first, second)]
        lettered = np.flatnonzero(compute.and_(*has).to_numpy(zero_copy_only=False) & read)
        texts = [(first[int(at)].as_py(), second[int(at)].as_py()) for at in lettered]
        return lettered[[is_latitude_text(one) is True and is_latitude_text(other) is False for one, other in texts]]

    def _tell(self, rule: str, example: str) -> None:
        if rule not in self.said:
            self.said.add(rule)
            self.report(Finding(rule=rule, detail_zh=example, detail_en=example))
