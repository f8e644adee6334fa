"""GML of any profile GDAL reads: axis order by srsName, no schema and no link fetched, several feature types told apart by `table`."""

from pathlib import Path

from importers.base import Finding, Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, choose_table, open_dataset, tables
from importers.markup import as_plain_xml, check_prolog, encoding_of_xml
from importers.sniff import xml_root
from importers.unpack import read_head
from twin.errors import BadFile

_OPTIONS = {
    "DOWNLOAD_SCHEMA": "NO",
    "INVERT_AXIS_ORDER_IF_LAT_LONG": "YES",
    "CONSIDER_EPSG_AS_URN": "AUTO",
    "SWAP_COORDINATES": "AUTO",
}
#: The corners of every feature's own box, which are no attributes.
_BOUNDS = frozenset({"lowerCorner", "upperCorner"})
_CITYGML, _CITYGML_3 = "opengis.net/citygml/", "opengis.net/citygml/3."


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The one feature type of the document, or the one named by `table`."""
    member = members[0]
    encoding = encoding_of_xml(member, request.encoding, report)
    check_prolog(member, encoding, whole=True)
    path = as_plain_xml(member, request.folder, "features.gml", encoding)
    table = _table(path, member, request.table)
    opened = open_dataset(Dataset(path, "gml", layer=table, options=_OPTIONS, without=_BOUNDS), report)
    if b"xlink:href" in read_head(member.path):
        report(Finding(rule="link-not-followed"))
    return Opened(opened.meta.model_copy(update={"encoding": encoding.upper()}), opened.chunks)


def _table(path: Path, member: Member, wanted: str) -> str:
    """The feature type to read. A city model is refused where its shapes would be lost: they lie deeper than GDAL looks."""
    name, attributes = xml_root(read_head(path))
    is_city = name == "CityModel" and _CITYGML in attributes
    if is_city and _CITYGML_3 in attributes:
        raise _lost(member, "CityGML 3")
    found = tables(path, member.name)
    table = choose_table(found, wanted, member.name)
    if is_city and not dict(found)[table]:
        raise _lost(member, "CityGML")
    return table


def _lost(member: Member, what: str) -> BadFile:
    return BadFile(
        f"a city model ({what}): the shapes of its objects lie in spaces and boundary surfaces, which are not read here; without them"
        " only attributes would be published",
        f"城市模型（{what}）：对象的几何在空间与边界面中，此处不读取；若导入将只有属性而没有几何，已拒绝",
        place=member.name,
        mend="导出为带几何的要素（如 CityGML 2 的 lod0 面、GeoPackage）后再导入 / export its objects as features with shapes, for example GeoPackage",
    )
