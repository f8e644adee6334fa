"""A set of products as one signed file: cards and styles in a zip, a manifest with the SHA-256 of each, and the house's signature of the manifest."""

import hashlib
import io
import json
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from layers.products import dump_toml, parse_product
from layers.signing import key_text, public_of, sign, verifies
from twin.errors import BadFile, TooLarge
from twin.product import Product

FORMAT: Final = "yuetu-products/1"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
MAX_PRODUCTS: Final = 500
MAX_BYTES: Final = 64 << 20
_OLDEST: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle whose signature and sums hold."""

    products: tuple[Product, ...]
    key: str
    made_at: str


def write_bundle(products: Iterable[Product], styles: Mapping[str, Any], secret: bytes, now: datetime | None = None) -> bytes:
    """The bundle of `products` with their `styles` by code, signed."""
    files: dict[str, bytes] = {}
    for product in products:
        files[f"products/{product.code}.toml"] = dump_toml(product).encode()
        files[f"styles/{product.code}.json"] = orjson.dumps(styles[product.code], option=orjson.OPT_INDENT_2)
    manifest = {
        "format": FORMAT,
        "made_at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "key": key_text(public_of(secret)),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
    told = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((MANIFEST, told), (SIGNATURE, sign(secret, told)), *sorted(files.items())):
            archive.writestr(zipfile.ZipInfo(name, _OLDEST), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def read_bundle(raw: bytes, trusted: Iterable[bytes], source: str) -> Bundle:
    """The products of a bundle signed by one of the `trusted` keys; BadFile names the file inside that is missing, foreign or changed."""
    files = _files(raw, source)
    told, signature = _need(files, MANIFEST, source), _need(files, SIGNATURE, source)
    if not any(verifies(key, told, signature) for key in trusted):
        raise _bad(source, SIGNATURE, "no trusted key signed this manifest", "没有受信任的密钥为此清单签名")
    manifest = json.loads(told)
    if manifest.get("format") != FORMAT:
        raise _bad(source, MANIFEST, f"the format is not {FORMAT}", f"格式不是 {FORMAT}")
    listed: dict[str, str] = manifest["files"]
    for name in sorted(files.keys() - listed.keys() - {MANIFEST, SIGNATURE}):
        raise _bad(source, name, "is not in the manifest", "不在清单中")
    for name, wanted in listed.items():
        if hashlib.sha256(_need(files, name, source)).hexdigest() != wanted:
            raise _bad(source, name, "was changed after it was signed", "签名后被改动")
    cards = tuple(_card(files[name], f"{source}: {name}") for name in listed if name.startswith("products/"))
    return Bundle(cards, manifest["key"], manifest["made_at"])


def is_bundle(raw: bytes) -> bool:
    """Whether a file is meant as a bundle and not as a TOML card."""
    return raw.startswith(b"PK")


def _files(raw: bytes, source: str) -> dict[str, bytes]:
    """Everything in the zip; BadFile for broken or doubled entries, TooLarge before anything big is unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) != len(entries):
                raise _bad(source, "", "a name occurs twice", "存在重名文件")
            if sum(entry.file_size for entry in entries) > MAX_BYTES or len(entries) > 2 * MAX_PRODUCTS + 2:
                raise TooLarge(
                    f"{source}: over bundle_bytes = {MAX_BYTES} or bundle_products = {MAX_PRODUCTS}", f"{source}：超过限额", place=source
                )
            return {entry.filename: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as exc:
        raise _bad(source, "", f"not a whole zip file: {exc}", "不是完整的 zip 文件") from exc


def _need(files: Mapping[str, bytes], name: str, source: str) -> bytes:
    if name not in files:
        raise _bad(source, name, "is missing", "缺失")
    return files[name]


def _card(raw: bytes, source: str) -> Product:
    try:
        return parse_product(tomllib.loads(raw.decode()), source)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BadFile(f"{source}: not TOML: {exc}", f"{source}：不是有效的 TOML", place=source) from exc


def _bad(source: str, name: str, fault_en: str, fault_zh: str) -> BadFile:
    place = f"{source}: {name}" if name else source
    return BadFile(f"{place}: {fault_en}", f"{place}：{fault_zh}", place=place)
