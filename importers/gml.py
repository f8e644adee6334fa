"""GML of any profile GDAL reads: axis order by srsName, no schema and no link fetched, several feature types told apart by `table`."""

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, choose_table, open_dataset, tables
from importers.markup import as_plain_xml, check_prolog, encoding_of_xml
from importers.unpack import read_head

_OPTIONS = {
    "DOWNLOAD_SCHEMA": "NO",
    "INVERT_AXIS_ORDER_IF_LAT_LONG": "YES",
    "CONSIDER_EPSG_AS_URN": "AUTO",
    "SWAP_COORDINATES": "AUTO",
}
#: The corners of every feature's own box, which are no attributes.
_BOUNDS = frozenset({"lowerCorner", "upperCorner"})


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The one feature type of the document, or the one named by `table`."""
    member = members[0]
    encoding = encoding_of_xml(member, request.encoding, report)
    check_prolog(member, encoding, whole=True)
    path = as_plain_xml(member, request.folder, "features.gml", encoding)
    table = choose_table(tables(path, member.name), request.table, member.name)
    opened = open_dataset(Dataset(path, "gml", layer=table, options=_OPTIONS, without=_BOUNDS), report)
    if b"xlink:href" in read_head(member.path):
        report(Finding(rule="link-not-followed"))
    return Opened(opened.meta.model_copy(update={"encoding": encoding.upper()}), opened.chunks)
