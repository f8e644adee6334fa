"""How large a filter may be, in one place; every refusal cites the limit by its name and value."""

from dataclasses import dataclass
from typing import Final

from twin.errors import BadParameter

FILTER_BYTES: Final = 16_384
FILTER_DEPTH: Final = 32
FILTER_NODES: Final = 256
FILTER_LIST: Final = 1_000
FILTER_VERTICES: Final = 10_000
FILTER_WILDCARDS: Final = 32
FILTER_ARITHMETIC: Final = 24
"""Operations in one filter: each is a subquery of its own, which takes milliseconds to write."""
FILTER_CALCULATION_DEPTH: Final = 8
"""Operations and functions within each other, so that writing their SQL stays far from the recursion limit."""


@dataclass(slots=True)
class Budget:
    """What one filter has used so far. Literals in a list count for the list, everything else is a node."""

    nodes: int = 0
    depth: int = 0
    vertices: int = 0
    steps: int = 0
    """Tokens or JSON values looked at; each is looked at once."""

    def node(self, at: str) -> None:
        """One more part."""
        self.nodes += 1
        if self.nodes > FILTER_NODES:
            raise over("filter_nodes", FILTER_NODES, at)

    def listed(self, length: int, at: str) -> None:
        """An item more in a list, which now has `length`."""
        if length > FILTER_LIST:
            raise over("filter_list", FILTER_LIST, at)

    def vertex(self, at: str) -> None:
        """One more position of a geometry."""
        self.vertices += 1
        if self.vertices > FILTER_VERTICES:
            raise over("filter_vertices", FILTER_VERTICES, at)

    def enter(self, at: str) -> None:
        """One level down."""
        self.depth += 1
        if self.depth > FILTER_DEPTH:
            raise over("filter_depth", FILTER_DEPTH, at)

    def leave(self) -> None:
        """One level up."""
        self.depth -= 1


def check_size(text: str) -> None:
    """BadParameter for a text over 16 kB, or one that no database can hold."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        raise BadParameter("the filter is not Unicode text", "filter 不是有效的 Unicode 文本", place="filter") from exc
    if size > FILTER_BYTES:
        raise over("filter_bytes", FILTER_BYTES, "filter")
    if "\0" in text:
        raise BadParameter("the filter contains NUL", "filter 含有 NUL 字符", place="filter")


def over(name: str, value: int, at: str) -> BadParameter:
    """The refusal of what is over a limit."""
    return BadParameter(f"the filter is over the limit {name} = {value}", f"过滤条件超过限额 {name} = {value}", place=at)
