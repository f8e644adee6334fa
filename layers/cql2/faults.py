"""The refusals of a filter that cannot be read: where, what was found, what would be right."""

from collections.abc import Sequence

from twin.cql2.limits import FILTER_NODES
from twin.cql2.names import ARITHMETIC, ARRAYS, COMPARISONS, FOLDS, SPATIAL, TEMPORAL_ANY, TEMPORAL_INTERVALS
from twin.cql2.nodes import Expression, Items
from twin.errors import BadParameter

_MAX_ECHO = 40


def unreadable(at: str, found: str, want_en: str, want_zh: str) -> BadParameter:
    """What stands at `at` is not what belongs there."""
    shown = found if len(found) <= _MAX_ECHO else found[:_MAX_ECHO] + "…"
    return BadParameter(f"{at}: found {shown!r}, expected {want_en}", f"{at} 处为 {shown!r}，应为{want_zh}", place=at, mend=want_zh)


def check_arity(op: str, args: Sequence[Expression], at: str) -> None:
    """BadParameter when a standard operator has too few or too many arguments, or IN has no list; of other functions nothing is known here."""
    least, most = _ARITY.get(op, (0, len(args)))
    if not least <= len(args) <= most:
        wanted = str(least) if least == most else f"{least}…"
        raise unreadable(at, f"{op} with {len(args)} arguments", f"{wanted} arguments", f"{wanted} 个参数")
    if op == "in" and not isinstance(args[1], Items):
        raise unreadable(at, "in", "a list as the second argument", "第二个参数应为列表")
    for index, arg in enumerate(args):
        if op in _ARITY and op not in ARRAYS and (op, index) != ("in", 1):
            check_no_array(arg)


def check_no_array(node: Expression) -> None:
    """BadParameter for an array where none can stand."""
    if isinstance(node, Items):
        raise unreadable(node.at, "an array", "a single value", "单个值")


_ARITY = (
    dict.fromkeys((*COMPARISONS, *ARITHMETIC, *SPATIAL, *TEMPORAL_ANY, *TEMPORAL_INTERVALS, *ARRAYS, "like", "in"), (2, 2))
    | dict.fromkeys(("not", "isNull", *FOLDS), (1, 1))
    | {"and": (2, FILTER_NODES), "or": (2, FILTER_NODES), "between": (3, 3)}
)
