"""Map products as TOML files, the form they are exchanged in; the table is the truth, and an error names the file and the key."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from pydantic import ValidationError

from postgis import products as rows
from twin.codes import code_list
from twin.errors import BadFile, BadParameter, Conflict, NotFound
from twin.fields import Field
from twin.product import Product, ProductLayer, Status

Connection = psycopg.Connection[Any]

MAX_BYTES = 1 << 20

#: Words after /products/ that are no product.
RESERVED = frozenset({"kpi", "bundle"})

#: From which status a version may go where.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.REVIEW, Status.PUBLISHED, Status.WITHDRAWN}),
    Status.REVIEW: frozenset({Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN}),
    Status.PUBLISHED: frozenset({Status.WITHDRAWN}),
    Status.WITHDRAWN: frozenset({Status.DRAFT, Status.PUBLISHED}),
}


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing did."""

    code: str
    version: int
    changed: bool
    status: Status


@dataclass(frozen=True, slots=True)
class History:
    """The versions of a product and the log of their moves, both newest first."""

    versions: tuple[rows.ProductRow, ...]
    log: tuple[rows.LogLine, ...]


def read_toml(path: Path) -> Product:
    """The product in a file; without a `status` it is to be published. BadFile names the file and the key or line."""
    if path.stat().st_size > MAX_BYTES:
        raise BadFile(f"{path.name}: larger than product_toml_bytes = {MAX_BYTES}", f"{path.name}：超过 {MAX_BYTES} 字节", place=path.name)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadFile(f"{path.name}: not TOML: {exc}", f"{path.name}：不是有效的 TOML（{exc}）", place=path.name) from exc
    return parse_product({"status": "published", **content}, path.name)


def parse_product(content: Mapping[str, Any], source: str) -> Product:
    """A checked product; BadFile with place "source: key" for the first thing wrong. Equal content gives an equal product."""
    try:
        product = Product.model_validate_json(json.dumps(content, default=_as_json))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise _bad(source, _key(first["loc"]), first["msg"]) from exc
    for key, fault in _faults(product):
        raise _bad(source, key, fault)
    return product


def dump_toml(product: Product) -> str:
    """The product as a TOML file: reading it back gives the same product."""
    content = product.model_dump(mode="json", exclude_defaults=True)
    content.update(code=product.code, status=str(product.status), version=product.version)
    return "\n".join(_table(content, ())) + "\n"


def publish_toml(connection: Connection, path: Path) -> Published:
    """Store the product of a file: a new version only if its card changed. BadFile when it names a layer or field that does not exist."""
    product = read_toml(path)
    return put_product(connection, product, path.name)


def put_product(connection: Connection, product: Product, source: str = "product", by: str = "") -> Published:
    """Store a product under its status; BadFile when it names a layer or field that does not exist."""
    known = rows.read_layer_fields(connection, [entry.layer for entry in product.layers])
    for key, fault in _unknown_names(product, known):
        raise _bad(source, key, fault)
    stored = rows.put_product(connection, product, by)
    return Published(product.code, stored.version, stored.changed, product.status)


def set_status(connection: Connection, code: str, version: int, status: Status, by: str = "") -> None:
    """Move a version to another status; NotFound when there is none, Conflict when that step is not allowed."""
    allowed = [before for before, after in TRANSITIONS.items() if status in after]
    found = rows.move_product(connection, code, version, status, allowed, by)
    if found is None:
        raise NotFound(f"no version {version} of product {code[:60]!r}", f"产品 {code[:60]!r} 没有版本 {version}", place="version")
    if found not in allowed:
        raise Conflict(f"a {found} version cannot become {status}", f"状态“{found}”不能变为“{status}”", place="status")


def drafts(connection: Connection, status: Status) -> list[Product]:
    """The newest card of each product in a status other than published."""
    return [row.product for row in rows.read_unpublished(connection, status)]


def history(connection: Connection, code: str, version: int | None = None) -> History:
    """All versions of a product, or the one asked for, and what happened to them; NotFound when there is none."""
    versions = [row for row in rows.read_versions(connection, code) if version in (None, row.version)]
    if not versions and version is not None:
        raise NotFound(f"no version {version} of product {code[:60]!r}", f"产品 {code[:60]!r} 没有版本 {version}", place="version")
    if not versions:
        raise NotFound(f"no product {code[:60]!r}", f"没有产品 {code[:60]!r}", place="product")
    return History(tuple(versions), tuple(rows.read_log(connection, code)))


def _faults(product: Product) -> Iterator[tuple[str, str]]:
    """What pydantic cannot see: repeats, and legends that do not say what they classify."""
    if product.code in RESERVED:
        yield "code", f"{product.code!r} is an address of the catalogue itself"
    names = [entry.layer for entry in product.layers]
    for index, entry in enumerate(product.layers):
        key = f"layers[{index}]"
        if names.index(entry.layer) != index:
            yield f"{key}.layer", f"{entry.layer!r} occurs twice"
        if entry.symbol.legend and not entry.symbol.class_field and len(entry.symbol.legend) > 1:
            yield f"{key}.symbol.class_field", "a legend of several classes needs the field it classifies"
        yield from _legend_faults(entry, f"{key}.symbol.legend")


def _legend_faults(entry: ProductLayer, key: str) -> Iterator[tuple[str, str]]:
    for index, item in enumerate(entry.symbol.legend):
        numeric = item.min is not None or item.max is not None
        if numeric and item.value is not None:
            yield f"{key}[{index}]", "has a value and a break: use one"
        if item.min is not None and item.max is not None and item.min >= item.max:
            yield f"{key}[{index}].max", "is not greater than min"


def _unknown_names(product: Product, known: Mapping[str, tuple[Field, ...]]) -> Iterator[tuple[str, str]]:
    for index, entry in enumerate(product.layers):
        key = f"layers[{index}]"
        if entry.layer not in known:
            yield f"{key}.layer", f"there is no layer {entry.layer!r}; import it first"
            continue
        names = {field.name for field in known[entry.layer]}
        for attribute in ("class_field", "label_field", "height_field"):
            wanted = getattr(entry.symbol, attribute)
            if wanted and wanted not in names:
                yield (
                    f"{key}.symbol.{attribute}",
                    f"layer {entry.layer!r} has no field {wanted!r}; it has {', '.join(sorted(names)) or 'none'}",
                )


def _bad(source: str, key: str, fault: str) -> BadFile:
    return BadFile(f"{source}: {key}: {fault}", f"{source}：{key}：{fault}", place=f"{source}: {key}")


def _key(location: tuple[int | str, ...]) -> str:
    """A pydantic location as people write it: layers[2].symbol.color."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _as_json(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise BadParameter(f"{type(value).__name__} has no place in a product", f"产品中不能出现 {type(value).__name__}")


def _table(content: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """TOML lines of a table: plain values first, then tables and lists of tables."""
    tables = {key: value for key, value in content.items() if _is_table(value)}
    yield from (f"{_name(key)} = {_value(value)}" for key, value in content.items() if key not in tables and value is not None)
    for key, value in tables.items():
        name = ".".join(map(_name, (*path, key)))
        for entry in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            yield from _table(entry, (*path, key))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value))


def _name(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    """A JSON scalar or list of scalars is TOML too, save for DEL and objects inside lists."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_name(key)} = {_value(entry)}' for key, entry in value.items())}}}"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def theme_title(product: Product) -> tuple[str, str]:
    """The theme's titles in Chinese and English."""
    entry = code_list("themes").entries[str(product.theme)]
    return entry.title_zh, entry.title_en
