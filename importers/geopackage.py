"""GeoPackage: an SQLite database, so it is looked at with SQLite first (length, virtual tables, feature tables) and then read by GDAL."""

import sqlite3
import struct

from importers.base import Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, open_dataset
from importers.unpack import place_as
from postgis.geopackage import read_contents
from twin.errors import BadFile

_HEADER_BYTES = 100
_ALLOWED_MODULES = frozenset({"rtree", "rtree_i32", "fts3", "fts4", "fts5"})


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The one feature table of the database, or the one named by `table`."""
    member = members[0]
    check_length(member)
    table = _choose(_feature_tables(member), request.table, member.name)
    path = place_as(member, request.folder, "database.gpkg")
    return open_dataset(Dataset(path, "geopackage", layer=table, options={"IMMUTABLE": "YES", "LIST_ALL_TABLES": "NO"}), report)


def check_length(member: Member) -> None:
    """BadFile when the file is shorter than its own header says: a broken transfer, refused before anything is read."""
    with member.path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES:
        raise _broken(member, "it ends inside its header", "文件在头部处中断")
    page, pages = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
    trusted = head[24:28] == head[92:96]
    expected, size = (65_536 if page == 1 else page) * pages, member.path.stat().st_size
    if trusted and size < expected:
        raise _broken(
            member,
            f"it has {size} of the {expected} bytes its header promises (truncated)",
            f"文件被截断：应有 {expected} 字节，实有 {size} 字节",
        )


def _broken(member: Member, why_en: str, why_zh: str) -> BadFile:
    return BadFile(f"the GeoPackage is broken: {why_en}", f"GeoPackage 已损坏：{why_zh}", place=member.name)


def _feature_tables(member: Member) -> tuple[str, ...]:
    """Names of the feature tables; a virtual table can reach other files, so only SQLite's own index modules are taken."""
    try:
        contents = read_contents(member.path)
    except sqlite3.Error as exc:
        raise _broken(member, str(exc), str(exc)) from exc
    if foreign := sorted(contents.modules - _ALLOWED_MODULES):
        raise BadFile(
            f"the database has virtual tables of {', '.join(foreign)}",
            f"数据库含有虚拟表（{'、'.join(foreign)}），已拒绝",
            place=member.name,
        )
    return contents.feature_tables


def _choose(tables: tuple[str, ...], wanted: str, name: str) -> str:
    if wanted in tables or (len(tables) == 1 and not wanted):
        return wanted or tables[0]
    listed = ", ".join(tables) or "-"
    if wanted:
        raise BadFile(f"there is no feature table {wanted!r}; there are: {listed}", f"没有要素表 {wanted!r}，现有：{listed}", place=name)
    raise BadFile(
        f"the database has {len(tables)} feature tables, name one with --table: {listed}",
        f"共有 {len(tables)} 个要素表，请用 --table 指定：{listed}",
        place=name,
        choices=tables,
    )
