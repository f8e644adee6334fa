"""Arrow IPC files as a source: what is written is read back, and what is broken is refused with its place."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from importers.base import Finding, Member, Opened, ReadRequest
from importers.demo.district.rows import table
from importers.demo.reader import is_arrow, read, write
from twin.errors import BadFile, TooLarge


def opened(path: Path) -> Opened:
    found: list[Finding] = []
    return read((Member(path.name, path),), ReadRequest(path=path, folder=path.parent), found.append)


def points(count: int) -> pa.Table:
    return table(
        shapely.points(np.arange(count * 2).reshape(-1, 2) / 1000),
        {"code": np.array([f"P{n}" for n in range(count)]), "n": np.arange(count)},
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "p.arrow"
    write(points(40_000), path, "EPSG:4490")
    source = opened(path)
    assert source.meta.crs == "EPSG:4490" and source.meta.total == 40_000
    assert [column.name for column in source.meta.columns] == ["code", "n"]
    chunks = list(source.chunks)
    assert np.concatenate([chunk.rows for chunk in chunks]).tolist() == list(range(1, 40_001))
    assert pa.concat_arrays([chunk.columns[1] for chunk in chunks]).to_pylist() == list(range(40_000))
    assert shapely.from_wkb(chunks[0].wkb[3].as_py()) == shapely.Point(0.006, 0.007)
    assert is_arrow(path.read_bytes()[:100], Member("p.arrow", path)) and not is_arrow(b"PK\x03\x04", Member("p.arrow", path))


@pytest.mark.parametrize("keep", [8, 40, 3_000])
def test_a_cut_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "p.arrow"
    write(points(500), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(BadFile) as caught:
        list(opened(path).chunks)
    assert caught.value.place == "p.arrow"


def test_a_table_without_geometry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.arrow"
    with pa.ipc.new_file(str(path), pa.schema([("a", pa.int64())])) as writer:
        writer.write_table(pa.table({"a": [1]}))
    with pytest.raises(BadFile):
        opened(path)


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.arrow"
    write(pa.table({**{f"c{n}": [1] for n in range(1001)}, "geometry": pa.array([b""], pa.binary())}), path)
    with pytest.raises(TooLarge):
        opened(path)
