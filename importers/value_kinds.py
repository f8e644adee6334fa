"""The type of a column whose values come as text one by one: integer or number only where every value is one."""

import re
from dataclasses import dataclass, field
from datetime import date

from twin.fields import FieldType

_PATTERNS = {
    FieldType.INTEGER: re.compile(r"-?(0|[1-9][0-9]{0,17})"),
    FieldType.NUMBER: re.compile(r"-?(0|[1-9][0-9]*)?(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?(?<=[0-9])"),
    FieldType.DATE: re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
}
_CODED = re.compile(r"(^|_)(id|code|no|dm|bm)$|编码|代码|编号|证号|电话|邮编", re.IGNORECASE)


@dataclass(slots=True)
class Kinds:
    """What the values of one column may still be."""

    name: str
    left: list[FieldType] = field(default_factory=lambda: list(_PATTERNS))

    def __post_init__(self) -> None:
        if _CODED.search(self.name):
            self.left = []

    def see(self, value: str) -> None:
        """Strike out the types that `value` is not."""
        if self.left:
            self.left = [kind for kind in self.left if _PATTERNS[kind].fullmatch(value) and (kind is not FieldType.DATE or _is_day(value))]

    def type(self) -> FieldType:
        """The narrowest type that all values seen have."""
        return self.left[0] if self.left else FieldType.TEXT


def _is_day(value: str) -> bool:
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True
