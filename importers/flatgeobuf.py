"""FlatGeobuf: one table of features with its reference system, read in its own order."""

from importers.base import Member, Opened, ReadRequest, Report
from importers.gdal import Dataset, open_dataset
from importers.unpack import place_as


def read(members: tuple[Member, ...], request: ReadRequest, report: Report) -> Opened:
    """The one table of the file; its spatial index is not needed."""
    path = place_as(members[0], request.folder, "features.fgb")
    return open_dataset(Dataset(path, "flatgeobuf", options={"VERIFY_BUFFERS": "YES"}), report)
