"""OpenStreetMap extracts, PBF or XML: points, lines and areas as GDAL makes them, remaining tags as JSON under `other_tags`."""

from importers.base import Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, choose_table, open_dataset, tables
from importers.unpack import place_as, read_head


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The layer named by `table`: points, lines, multilinestrings, multipolygons or other_relations."""
    member = members[0]
    is_xml = read_head(member.path).lstrip().startswith((b"<", b"\xef\xbb\xbf<"))
    path = place_as(member, request.folder, "extract.osm" if is_xml else "extract.osm.pbf")
    table = choose_table(tables(path, member.name), request.table, member.name)
    return open_dataset(Dataset(path, "osm", layer=table, encoding="UTF-8", options={"TAGS_FORMAT": "JSON"}), report)
