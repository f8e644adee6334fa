"""File geodatabase: a folder of tables, put together again under private names and read by GDAL's own reader of it."""

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, choose_table, open_dataset, tables
from importers.unpack import place_as
from twin.errors import BadFile


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The one feature class of the geodatabase, or the one named by `table`."""
    folder = request.folder / "tables.gdb"
    folder.mkdir()
    for member in members:
        place_as(member, folder, member.base.lower() if member.base.lower().startswith("a0") else member.base)
    name = members[0].folder or members[0].name
    table = choose_table(tables(folder, name), request.table, name)
    options = {"LIST_ALL_TABLES": "NO"}
    opened = open_dataset(Dataset(folder, "filegdb", layer=table, options=options), report)
    if not opened.meta.crs:
        report(Finding(rule="missing-prj"))
    if opened.meta.total == 0 and not opened.meta.columns:
        raise BadFile(f"the table {table!r} has neither rows nor columns", f"表 {table!r} 没有行，也没有列", place=f"{name}: {table}")
    return opened
