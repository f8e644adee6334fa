"""A bundle is taken only whole, unchanged, and from a house that is trusted; the refusal names the file inside."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from layers.bundle import MANIFEST, SIGNATURE, read_bundle, write_bundle
from layers.signing import public_of, sign
from tests.layers.test_product_search import CARDS
from twin.errors import BadFile

SECRET, FOREIGN = b"s" * 32, b"f" * 32
RAW = write_bundle(CARDS, {card.code: {"version": 8} for card in CARDS}, SECRET)
TRUSTED = [public_of(FOREIGN), public_of(SECRET)]
FARM = "products/farmland.toml"
Files = dict[str, bytes]


def unpacked() -> Files:
    with zipfile.ZipFile(io.BytesIO(RAW)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_what_goes_in_comes_out() -> None:
    assert sorted(read_bundle(RAW, TRUSTED, "b.zip").products, key=lambda card: card.code) == sorted(CARDS, key=lambda card: card.code)
    assert read_bundle(packed(unpacked()), TRUSTED, "b.zip").made_at


def unsigned(files: Files) -> None:
    del files[SIGNATURE]


def altered(files: Files) -> None:
    files[FARM] = files[FARM].replace("永久".encode(), "暂时".encode())


def altered_with_its_sum(files: Files) -> None:
    altered(files)
    files[MANIFEST] = files[MANIFEST].replace(b"2026", b"2027")


def signed_by_another(files: Files) -> None:
    files[SIGNATURE] = sign(b"o" * 32, files[MANIFEST])


def without_a_card(files: Files) -> None:
    del files[FARM]


def with_a_stowaway(files: Files) -> None:
    files["products/stowaway.toml"] = b""


def of_another_format(files: Files) -> None:
    files[MANIFEST] = json.dumps({"format": "other/1", "files": {}}).encode()
    files[SIGNATURE] = sign(SECRET, files[MANIFEST])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (unsigned, SIGNATURE),
        (altered, FARM),
        (altered_with_its_sum, SIGNATURE),
        (signed_by_another, SIGNATURE),
        (without_a_card, FARM),
        (with_a_stowaway, "products/stowaway.toml"),
        (of_another_format, MANIFEST),
    ],
)
def test_it_is_refused(change: Callable[[Files], None], place: str) -> None:
    files = unpacked()
    change(files)
    with pytest.raises(BadFile) as refused:
        read_bundle(packed(files), TRUSTED, "b.zip")
    assert refused.value.place == f"b.zip: {place}"


@pytest.mark.parametrize("raw", [b"PK", b"PK\x03\x04nonsense", RAW[:-30], RAW[:200] + b"\0" * 50 + RAW[250:]])
def test_a_broken_zip_is_refused(raw: bytes) -> None:
    with pytest.raises(BadFile):
        read_bundle(raw, TRUSTED, "b.zip")


def test_nobody_is_trusted_by_default() -> None:
    with pytest.raises(BadFile):
        read_bundle(RAW, [], "b.zip")
