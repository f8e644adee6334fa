"""PMTiles as a layer: an honest archive is served as it is, a hostile one is refused with a reason and changes nothing."""

import contextlib
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pmtiles.tile import Compression

from importers.archive import check_archive
from importers.options import ImportOptions
from importers.report import ImportReport
from importers.run import import_file
from postgis.blobs import BlobStore
from postgis.connect import IMPORTER, Database, connect
from postgis.layers import read_layers
from tests import archives
from tests.archives import directory, hand_made, mvt, put, write_archive
from tests.importers import files
from twin.errors import BadFile, Conflict, OperationError, TooLarge
from twin.layer import Access, Layer, LayerKind

ONE = {(0, 0, 0): mvt(), (5, 26, 14): mvt(count=3)}


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "roads.pmtiles", ONE)


@pytest.fixture
def take(database: Database, tmp_path: Path) -> Callable[..., ImportReport]:
    return lambda path, **options: import_file(database, path, ImportOptions(**options), home=tmp_path / "home")


def layer_of(database: Database, name: str) -> Layer | None:
    with connect(database, IMPORTER) as connection:
        return next((layer for layer in read_layers(connection) if layer.id == name), None)


def test_what_a_checked_archive_says(honest: Path) -> None:
    found = check_archive(honest)
    assert (found.min_zoom, found.max_zoom, found.tiles, found.bounds) == (0, 5, 2, (113.0, 22.0, 115.0, 23.0))
    assert [content.id for content in found.contents] == ["roads"] and found.name == "试验"


def test_a_layer_of_tiles(honest: Path, take: Callable[..., ImportReport], database: Database, tmp_path: Path) -> None:
    report = take(honest, access="internal", attribution="某局")
    assert (report.format, report.features, report.layer) == ("pmtiles", 2, "roads")
    layer = layer_of(database, "roads")
    assert layer is not None and layer.archive is not None
    assert (layer.kind, layer.title_zh, layer.access, layer.attribution) == (LayerKind.TILES, "试验", Access.INTERNAL, "某局")
    assert (layer.min_zoom, layer.max_zoom, layer.bounds_4490) == (0, 5, (113.0, 22.0, 115.0, 23.0))
    assert [field.name for field in layer.fields] == ["name", "note"]
    assert BlobStore(tmp_path / "home").path(layer.archive.sha256).read_bytes() == honest.read_bytes()

    again = write_archive(tmp_path / "roads.pmtiles", ONE | {(6, 52, 28): mvt()}, attribution="<a href='x'>另一局</a>", name="新名")
    assert take(again).features == 3
    newer = layer_of(database, "roads")
    assert newer is not None and newer.archive is not None
    assert newer.number == layer.number and newer.epoch > layer.epoch and newer.archive != layer.archive and newer.max_zoom == 6
    assert (newer.title_zh, newer.access, newer.attribution) == ("试验", Access.INTERNAL, "某局"), "what people said stays"


def test_a_dry_run_and_kinds_that_do_not_mix(honest: Path, take: Callable[..., ImportReport], database: Database, tmp_path: Path) -> None:
    assert take(honest, layer="dry", dry_run=True).number is None
    assert layer_of(database, "dry") is None
    take(files.geojson(tmp_path / "rows.geojson", [files.feature(1)]), layer="rows")
    with pytest.raises(Conflict, match="kind objects"):
        take(honest, layer="rows")
    take(honest, layer="mixed")
    with pytest.raises(Conflict, match="kind tiles"):
        take(files.geojson(tmp_path / "rows.geojson", [files.feature(1)]), layer="mixed")
    with pytest.raises(OperationError):
        import_file(database, honest, ImportOptions(layer="homeless"))


def truncated(path: Path, keep: float) -> Path:
    os.truncate(path, int(path.stat().st_size * keep))
    return path


def leaf_twice(path: Path) -> Path:
    leaf, data = directory((1, 1, 20, 0)), gzip.compress(b"")
    return hand_made(path, directory((0, 0, len(leaf), 0), (100, 0, len(leaf), 0)), leaves=leaf, data=data)


def nested(path: Path) -> Path:
    """Each leaf points to the next: one level more than any honest archive has."""
    leaves, inner = b"", directory((0, 1, 20, 0))
    for _ in range(5):
        offset, leaves = len(leaves), leaves + inner
        inner = directory((0, 0, len(inner), offset))
    return hand_made(path, inner, leaves=leaves, data=gzip.compress(b""))


BOMB = gzip.compress(b"\0" * (64 << 20))
HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "cut in the header": (lambda p: truncated(p, 0.1), "not a PMTiles archive|truncated"),
    "cut in the data": (lambda p: truncated(p, 0.95), "truncated"),
    "an older version": (lambda p: put(p, 7, 2, "<B"), "version 3"),
    "root beyond the end": (lambda p: put(p, archives.ROOT_OFFSET, 1 << 40), "root directory"),
    "length beyond 64 bits": (lambda p: put(p, archives.DATA_LENGTH, 2**64 - 1), "tile data"),
    "metadata beyond the end": (lambda p: put(p, archives.METADATA_LENGTH, 1 << 50), "metadata"),
    "png tiles": (lambda p: put(p, archives.TYPE, 2, "<B"), "png"),
    "zstd tiles": (lambda p: put(p, archives.TILES, 4, "<B"), "zstd"),
    "brotli directories": (lambda p: put(p, archives.INTERNAL, 3, "<B"), "brotli"),
    "says gzip, is not": (lambda p: write_archive(p, ONE, compression=Compression.NONE) and put(p, archives.TILES, 2, "<B"), "gzip"),
    "says plain, is gzip": (lambda p: put(p, archives.TILES, 1, "<B"), "not a vector tile"),
    "no zooms": (lambda p: put(p, archives.MIN_ZOOM, 30, "<B"), "zooms"),
    "root is its own leaf": (
        lambda p: hand_made(p, directory((0, 0, 60, 0)), leaves=directory((0, 0, 60, 0)).ljust(60, b"\0")),
        "gzip|deep|beyond",
    ),
    "a leaf for two ranges": (leaf_twice, "outside its range"),
    "leaves in leaves": (nested, "deep"),
    "entry beyond the data": (lambda p: hand_made(p, directory((0, 1, 500, 0)), data=b"x" * 100), "beyond its section"),
    "ids that do not rise": (lambda p: hand_made(p, gzip.compress(archives.varints(2, 5, 0, 1, 1, 1, 1, 1, 1))), "rise"),
    "a run for ever": (lambda p: hand_made(p, directory((0, 1 << 60, 4, 0)), data=b"abcd"), "finest zoom"),
    "a bomb for a directory": (lambda p: hand_made(p, BOMB), "unpacks to more"),
    "a bomb for metadata": (lambda p: hand_made(p, directory((0, 1, 4, 0)), data=b"abcd", metadata=BOMB), "unpacks to more"),
    "a bomb for a tile": (lambda p: hand_made(p, directory((0, 1, len(BOMB), 0)), data=BOMB), "unpacks to more"),
    "metadata are a list": (
        lambda p: hand_made(p, directory((0, 1, 4, 0)), data=b"abcd", metadata=gzip.compress(b"[]")),
        "not a JSON object",
    ),
    "deep metadata": (lambda p: hand_made(p, directory((0, 1, 4, 0)), data=b"abcd", metadata=gzip.compress(b"[" * 200_000)), "not JSON"),
    "no layers inside": (lambda p: write_archive(p, ONE, contents=()), "vector_layers"),
    "layers without a name": (lambda p: write_archive(p, ONE, vector_layers=[{"fields": {}}]), "vector_layers"),
    "too many layers": (lambda p: write_archive(p, ONE, contents=tuple(f"l{i}" for i in range(300))), "at most 256"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name: str, honest: Path, take: Callable[..., ImportReport], database: Database, tmp_path: Path) -> None:
    spoil, said = HOSTILE[name]
    spoil(honest)
    with pytest.raises((BadFile, TooLarge), match=said):
        take(honest, layer="hostile")
    assert layer_of(database, "hostile") is None
    assert not list((tmp_path / "home").rglob("*")), "nothing is kept"


def test_packed_archives_and_noise(honest: Path, take: Callable[..., ImportReport], tmp_path: Path) -> None:
    packed = tmp_path / "roads.pmtiles.gz"
    packed.write_bytes(gzip.compress(honest.read_bytes()))
    with pytest.raises(BadFile, match="not packed"):
        take(packed, layer="packed")
    data = honest.read_bytes()
    for at in range(127, len(data), 97):
        honest.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        with contextlib.suppress(BadFile, TooLarge):
            check_archive(honest)


def test_metadata_of_a_real_one_go_through_json(honest: Path) -> None:
    assert json.loads(check_archive(honest).model_dump_json())["contents"][0]["fields"] == {"name": "String", "note": "String"}
