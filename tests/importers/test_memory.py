"""A reader that runs out of memory: the file is refused in words a person can act on, the importer lives, nothing is left or missing."""

import signal
import tempfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import shapely
from pyogrio.raw import write_arrow

from importers import steps
from importers.base import ReadRequest
from importers.memory import is_starved
from importers.process import private_folder, reading
from tests.importers import files
from twin.errors import BadFile, InputError, TooLarge
from twin.sandbox import LIMITS, Limits

ENOUGH_TO_START_MB = 300


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A polygon of two million vertices."""
    return files.wide_polygon(tmp_path_factory.mktemp("wide") / "wide.geojson")


@pytest.fixture(autouse=True)
def private(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of imports lie here."""
    folder = tmp_path_factory.mktemp("private")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def rows_of(path: Path, memory_mb: int) -> int:
    """Rows that a reader of so little memory sends."""
    limits = Limits(memory_bytes=memory_mb << 20)
    with private_folder() as folder, reading(ReadRequest(path=path, folder=folder), limits) as process:
        process.describe()
        try:
            sent = sum(len(batch) for batch in process.batches())
        except Exception:
            process.finish()
            raise
        assert process.finish().rows == sent
        return sent


@pytest.mark.parametrize("memory_mb", [ENOUGH_TO_START_MB, 420, 700])
def test_a_polygon_too_large_for_the_memory(memory_mb: int, wide: Path, town, private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, while GDAL reads the file, and while the shape is passed on."""
    town.take(files.geojson(wide.with_name("before.geojson"), [files.square(113, 23, n=1)]), layer="wide")
    before = town.live("wide", "oid, attrs, valid, sys")
    monkeypatch.setattr(steps, "reading", partial(reading, limits=Limits(memory_bytes=memory_mb << 20)))
    with pytest.raises(TooLarge, match=f"memory_bytes = {memory_mb << 20}") as caught:
        town.take(wide, layer="wide", mode="replace")
    assert "内存超出限额" in caught.value.message_zh and caught.value.mend
    monkeypatch.undo()
    assert town.live("wide", "oid, attrs, valid, sys") == before
    assert town.staged() == [] and list(private.iterdir()) == []
    status, said = town.ask("SELECT status, report ->> 'error' FROM twin.import_run ORDER BY started DESC LIMIT 1")[0]
    assert status == "failed" and "memory" in said


def test_the_same_polygon_with_the_usual_limit(wide: Path) -> None:
    assert rows_of(wide, LIMITS.memory_bytes >> 20) == 1


@pytest.mark.parametrize(("suffix", "driver"), [("gpkg", "GPKG"), ("fgb", "FlatGeobuf"), ("shp", "ESRI Shapefile")])
def test_no_row_goes_missing_for_lack_of_memory(suffix: str, driver: str, tmp_path: Path) -> None:
    """SQLite ends a query in silence where it cannot hold a row; then the count says that rows are missing."""
    ring = [(113 + at * 1e-7, 23 + at % 2 * 1e-7) for at in range(600_000)]
    path = tmp_path / f"rows.{suffix}"
    shapes = shapely.to_wkb([shapely.box(113, 23, 114, 24), shapely.Polygon(ring), shapely.box(113, 23, 114, 24)])
    table = pa.table({"n": [1, 2, 3], "geometry": pa.array(shapes, pa.binary())})
    write_arrow(table, path, layer="rows", driver=driver, geometry_name="geometry", geometry_type="Polygon", crs="EPSG:4490")
    refused = 0
    for memory_mb in (330, 380, 430, 480):
        try:
            assert rows_of(path, memory_mb) == 3
        except (TooLarge, BadFile) as exc:
            assert exc.message_zh != exc.message_en
            refused += 1
    assert refused


def test_what_is_a_lack_of_memory() -> None:
    def chained(cause: BaseException) -> BaseException:
        try:
            raise BadFile("the file cannot be read") from cause
        except BadFile as exc:
            return exc

    for said in ("std::bad_alloc", "Cannot allocate 50000097 bytes", "Could not allocate memory", "sqlite3: out of memory"):
        assert is_starved(chained(RuntimeError(said)))
    assert is_starved(MemoryError()) and is_starved(OSError(12, "x")) and not is_starved(chained(RuntimeError("row 5 is broken")))


def test_a_reader_killed_by_the_machine(tmp_path: Path) -> None:
    """As the kernel does when the memory of the whole machine runs out."""
    path = tmp_path / "a.csv"
    path.write_text("lng,lat,n\n" + "113,23,1\n" * 300_000)
    with (
        private_folder() as folder,
        reading(ReadRequest(path=path, folder=folder)) as process,
        pytest.raises(InputError, match=r"SIGKILL.*no memory left") as caught,
    ):
        process.describe()
        process.process.send_signal(signal.SIGKILL)
        process.finish()
    assert "内存不足" in caught.value.message_zh
