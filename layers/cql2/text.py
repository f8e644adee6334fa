"""CQL2 text becomes an expression: recursive descent with one word of look-ahead, so the work grows with the text and no faster."""

from collections.abc import Callable
from typing import Final

from layers.cql2.faults import check_arity, check_no_array, unreadable
from layers.cql2.scan import Scanner, Sort, Word, number
from layers.cql2.times import read_day, read_instant, read_moment
from layers.cql2.wkt import box_literal, geometry_literal
from twin.cql2.limits import Budget, check_size
from twin.cql2.names import ARRAYS, CANONICAL, COMPARISONS, GEOMETRIES, KEYWORDS, NAMED
from twin.cql2.nodes import LITERALS, Boolean, Call, Expression, Instant, Interval, Items, Number, Property, Text, check_depth
from twin.cql2.systems import CRS84, FilterCrs
from twin.errors import BadParameter

_COMPARISONS: Final = frozenset(COMPARISONS)
_NAMED: Final = {op.upper(): op for op in NAMED}
_SUM: Final = {"+": "+", "-": "-"}
_PRODUCT: Final = {"*": "*", "/": "/", "%": "%", "DIV": "div"}


def parse_text(text: str, crs: FilterCrs = CRS84, budget: Budget | None = None) -> Expression:
    """The expression that `text` writes; BadParameter, with the place, for what is none or over a limit."""
    check_size(text)
    found = TextParser(text, crs, budget or Budget()).whole()
    check_depth(found)
    return found


class TextParser:
    """Reads one filter; `word` is the next word not yet taken."""

    def __init__(self, text: str, crs: FilterCrs, budget: Budget) -> None:
        self.crs, self.budget = crs, budget
        self._scanner = Scanner(text)
        self._closed = (-1, -1, 0)
        self.word = self._scanner.next()

    def whole(self) -> Expression:
        """The whole text."""
        found = self.expression()
        if self.word.sort is not Sort.END:
            raise self.wrong("an operator or the end", "运算符或结尾")
        check_no_array(found)
        return found

    def take(self) -> Word:
        """The next word, which is taken."""
        taken = self.word
        self.budget.steps += 1
        self.word = self._scanner.next()
        return taken

    def is_symbol(self, symbol: str) -> bool:
        """Whether the next word is this symbol."""
        return self.word.sort is Sort.SYMBOL and self.word.text == symbol

    def is_keyword(self, keyword: str) -> bool:
        """Whether the next word is this keyword."""
        return self.word.sort is Sort.NAME and self.word.text.upper() == keyword

    def expect(self, symbol: str) -> Word:
        """Take this symbol; BadParameter when it is not there."""
        if not self.is_symbol(symbol):
            raise self.wrong(f"'{symbol}'", f"“{symbol}”")
        return self.take()

    def wrong(self, want_en: str, want_zh: str) -> BadParameter:
        """The next word is not what belongs here."""
        return unreadable(self.word.at, self.word.shown, want_en, want_zh)

    def expression(self) -> Expression:
        """Terms joined by OR."""
        self.budget.enter(self.word.at)
        found = self._joined("or", self._all_of)
        self.budget.leave()
        return found

    def _joined(self, op: str, part: "Callable[[], Expression]") -> Expression:
        at, parts = self.word.at, [part()]
        while self.is_keyword(op.upper()):
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else self._call(op, *parts, at=at)

    def _all_of(self) -> Expression:
        return self._joined("and", self._not)

    def _not(self) -> Expression:
        if not self.is_keyword("NOT"):
            return self._predicate()
        at = self.take().at
        grouped = self.is_symbol("(")  # which counts as a level of its own
        if not grouped:
            self.budget.enter(at)
        found = self._call("not", self._not(), at=at)
        if not grouped:
            self.budget.leave()
        return found

    def _predicate(self) -> Expression:
        at, left = self.word.at, self._sum()
        if self.word.sort is Sort.SYMBOL and self.word.text in _COMPARISONS:
            return self._call(self.take().text, left, self._sum(), at=at)
        if self.is_keyword("IS"):
            return self._is_null(left, at)
        negated = self.is_keyword("NOT")
        if negated:
            self.take()
        found = self._tested(left, at)
        if negated and found is None:
            raise self.wrong("LIKE, BETWEEN or IN", "LIKE、BETWEEN 或 IN")
        if found is None:
            return left
        return self._call("not", found, at=at) if negated else found

    def _is_null(self, left: Expression, at: str) -> Expression:
        self.take()
        negated = self.is_keyword("NOT")
        if negated:
            self.take()
        if not self.is_keyword("NULL"):
            raise self.wrong("NULL", "NULL")
        self.take()
        found = self._call("isNull", left, at=at)
        return self._call("not", found, at=at) if negated else found

    def _tested(self, left: Expression, at: str) -> Call | None:
        """LIKE, BETWEEN or IN after `left`, or None."""
        if self.is_keyword("LIKE"):
            self.take()
            return self._call("like", left, self._sum(), at=at)
        if self.is_keyword("BETWEEN"):
            self.take()
            low = self._sum()
            if not self.is_keyword("AND"):
                raise self.wrong("AND", "AND")
            self.take()
            return self._call("between", left, low, self._sum(), at=at)
        if self.is_keyword("IN"):
            self.take()
            return self._call("in", left, self._list(self.expect("(").at, []), at=at)
        return None

    def _sum(self) -> Expression:
        return self._chain(_SUM, self._product)

    def _product(self) -> Expression:
        return self._chain(_PRODUCT, self._power)

    def _chain(self, ops: dict[str, str], part: "Callable[[], Expression]") -> Expression:
        at, found = self.word.at, part()
        while self.word.sort in (Sort.SYMBOL, Sort.NAME) and (op := ops.get(self.word.text.upper())):
            self.take()
            found = self._call(op, found, part(), at=at)
        return found

    def _power(self) -> Expression:
        at, found = self.word.at, self._signed()
        if not self.is_symbol("^"):
            return found
        self.take()
        return self._call("^", found, self._signed(), at=at)

    def _signed(self) -> Expression:
        """A number with its sign, or `-1 *` what is not a number."""
        if not (self.is_symbol("-") or self.is_symbol("+")):
            return self._operand()
        sign = self.take()
        if self.word.sort is Sort.NUMBER:
            self.budget.node(sign.at)
            return number(self.take().text, sign.at, -1 if sign.text == "-" else 1)
        if sign.text == "+":
            raise self.wrong("a number", "数")
        self.budget.node(sign.at)
        return self._call("*", Number(-1, at=sign.at), self._operand(), at=sign.at)

    def _operand(self) -> Expression:
        word = self.word
        if word.sort is Sort.NAME:
            return self._named()
        if self.is_symbol("("):
            return self._group()
        if word.sort not in (Sort.NUMBER, Sort.TEXT, Sort.QUOTED):
            raise self.wrong("a property, a literal, a function or '('", "字段、常量、函数或“(”")
        self.budget.node(word.at)
        self.take()
        if word.sort is Sort.NUMBER:
            return number(word.text, word.at)
        return Text(word.text, at=word.at) if word.sort is Sort.TEXT else Property(word.text, at=word.at)

    def _group(self) -> Expression:
        """What stands in parentheses; with a comma, or empty, it is an array."""
        start = self.take()
        if self.is_symbol(")"):
            return self._list(start.at, [])
        found, groups = self._element()
        if self.is_symbol(","):
            self.take()
            return self._list(start.at, [self._item(found, groups)])
        self.expect(")")
        self._closed = start.start, self.budget.steps, groups + 1
        return found

    def _element(self) -> tuple[Expression, int]:
        """An expression, and how many groups it was nothing but: where arrays may stand, each is an array of one."""
        start = self.word.start
        found = self.expression()
        return found, self._closed[2] if self._closed[:2] == (start, self.budget.steps) else 0

    def _item(self, found: Expression, groups: int) -> Expression:
        """An item of an array; literals count for the list alone."""
        self.budget.nodes -= isinstance(found, LITERALS)
        for _ in range(groups):
            self.budget.node(found.at)
            found = Items((found,), at=found.at)
        return found

    def _list(self, at: str, items: list[Expression]) -> Items:
        """The rest of an array with its end; `items` are those before the comma just taken."""
        self.budget.node(at)
        while items or not self.is_symbol(")"):
            items.append(self._item(*self._element()))
            self.budget.listed(len(items), at)
            if not self.is_symbol(","):
                break
            self.take()
        self.expect(")")
        return Items(tuple(items), at=at)

    def _named(self) -> Expression:
        """What begins with an unquoted name: a word of the grammar, a literal, a function or a property."""
        word, key = self.word, self.word.text.upper()
        if key in ("TRUE", "FALSE"):
            self.budget.node(word.at)
            self.take()
            return Boolean(key == "TRUE", at=word.at)
        if key in KEYWORDS:
            raise self.wrong("a property, a literal, a function or '('", "字段、常量、函数或“(”")
        self.budget.node(word.at)
        self.take()
        if key in GEOMETRIES and (self.is_symbol("(") or self.is_keyword("Z")):
            return geometry_literal(self, GEOMETRIES[key], word.at)
        if not self.is_symbol("("):
            return Property(word.text, at=word.at)
        if key in ("DATE", "TIMESTAMP"):
            return self._instant(key, word.at)
        if key == "INTERVAL":
            return self._interval(word.at)
        return box_literal(self, word.at) if key == "BBOX" else self._function(word, key)

    def _instant(self, key: str, at: str) -> Expression:
        self.expect("(")
        text = self._text_word()
        self.expect(")")
        return read_day(text.text, at) if key == "DATE" else read_moment(text.text, at)

    def _text_word(self) -> Word:
        if self.word.sort is not Sort.TEXT:
            raise self.wrong("a text in single quotes", "单引号文本")
        return self.take()

    def _interval(self, at: str) -> Interval:
        self.expect("(")
        start = self._end()
        self.expect(",")
        end = self._end()
        self.expect(")")
        return Interval(start, end, at=at)

    def _end(self) -> "Instant | Property | Call | None":
        """One end of an interval."""
        if self.word.sort is not Sort.TEXT:
            found = self.expression()
            if isinstance(found, Property | Call):
                return found
            raise unreadable(found.at, type(found).__name__.lower(), "a property or an instant in quotes", "字段或引号中的时刻")
        word = self.take()
        if word.text == "..":
            return None
        self.budget.node(word.at)
        return read_instant(word.text, word.at)

    def _function(self, word: Word, key: str) -> Call:
        """The arguments of a function; a group is an array of one, but where only texts, shapes or times can stand."""
        op = _NAMED.get(key, word.text)
        self.take()
        args: list[Expression] = []
        while args or not self.is_symbol(")"):
            found, groups = self._element()
            args.append(self._item(found, groups) if groups and (op in ARRAYS or key not in _NAMED) else found)
            if not self.is_symbol(","):
                break
            self.take()
        self.expect(")")
        check_arity(op, args, word.at)
        return Call(op, tuple(args), at=word.at)

    def _call(self, op: str, *args: Expression, at: str) -> Call:
        self.budget.node(at)
        check_arity(op, args, at)
        return Call(CANONICAL[op.lower()], args, at=at)
