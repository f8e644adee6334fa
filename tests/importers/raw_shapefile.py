"""Shapefiles written byte by byte, with faults no library would write."""

import struct
from collections.abc import Sequence
from pathlib import Path

Ring = Sequence[tuple[float, float]]


def polygons(path: Path, shapes: Sequence[Sequence[Ring]]) -> Path:
    """Main file and index of polygons, each a list of rings exactly as given."""
    records = [_polygon(rings) for rings in shapes]
    points = [point for rings in shapes for ring in rings for point in ring]
    return _write(path, 5, records, points)


def points(path: Path, count: int) -> Path:
    """Main file and index of `count` points."""
    places = [(113 + at / 100, 23.0) for at in range(count)]
    return _write(path, 1, [struct.pack("<i2d", 1, *place) for place in places], places)


def table(path: Path, fields: Sequence[tuple[bytes, int]], rows: Sequence[Sequence[bytes]]) -> Path:
    """Attribute table of text fields (name, width), every byte as given."""
    size = 1 + sum(width for _, width in fields)
    head = struct.pack("<BBBBIHH20x", 3, 126, 1, 2, len(rows), 32 + 32 * len(fields) + 1, size)
    described = b"".join(name[:11].ljust(11, b"\0") + b"C" + b"\0" * 4 + bytes([width]) + b"\0" * 15 for name, width in fields)
    records = b"".join(b" " + b"".join(value[:width].ljust(width) for value, (_, width) in zip(row, fields, strict=True)) for row in rows)
    target = path.with_suffix(".dbf")
    target.write_bytes(head + described + b"\r" + records + b"\x1a")
    return path


def _polygon(rings: Sequence[Ring]) -> bytes:
    every = [point for ring in rings for point in ring]
    starts = [sum(map(len, rings[:at])) for at in range(len(rings))]
    head = struct.pack("<i4d2i", 5, *_box(every), len(rings), len(every))
    return head + struct.pack(f"<{len(rings)}i", *starts) + b"".join(struct.pack("<2d", *point) for point in every)


def _box(every: Ring) -> tuple[float, float, float, float]:
    xs, ys = zip(*every, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _write(path: Path, kind: int, records: Sequence[bytes], every: Ring) -> Path:
    body, index, at = b"", b"", 50
    for number, record in enumerate(records, start=1):
        body += struct.pack(">2i", number, len(record) // 2) + record
        index += struct.pack(">2i", at, len(record) // 2)
        at += 4 + len(record) // 2
    for target, content in ((path, body), (path.with_suffix(".shx"), index)):
        head = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + len(content)) // 2) + struct.pack(
            "<2i8d", 1000, kind, *_box(every), 0, 0, 0, 0
        )
        target.write_bytes(head + content)
    path.with_suffix(".prj").write_text(
        'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]'
    )
    return path
