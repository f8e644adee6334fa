"""Which GDAL drivers may exist in a reading process: those of the format it reads, and no other."""

from collections.abc import Collection

#: In every process: it has no file of its own, and other drivers need it.
ALWAYS = ("MEM",)

#: Read by us, each only in a process that reads its format (`importers.FORMATS`).
DRIVERS = (
    "DXF", "ESRI Shapefile", "FlatGeobuf", "GML", "GPKG", "GeoJSON", "GeoJSONSeq", "MEM", "MapInfo File", "OSM", "OpenFileGDB",
)  # fmt: skip

#: Never there: VRT and its family, network drivers, and formats with no reader here. A driver of another build that is on neither
#: list stops the child (`gdal.check_drivers`), so nobody opens a new door by an upgrade.
SKIPPED = (
    "ADBC", "AIVector", "AVCBin", "AVCE00", "AmigoCloud", "CSV", "CSW", "Carto", "DGN", "EDIGEO", "EEDA", "ESRIJSON",
    "Elasticsearch", "GDALG", "GPSBabel", "GPX", "GTFS", "GeoRSS", "HTTP", "Idrisi", "JML", "JSONFG", "KML",
    "LIBKML", "LVBAG", "MBTiles", "MVT", "MapML", "MiraMonVector", "NGW", "OAPIF", "ODS", "OGCAPI", "OGR_GMT",
    "OGR_PDS", "OGR_VRT", "PCIDSK", "PDF", "PDS4", "PGDUMP", "PLSCENES", "PMTiles", "S57", "SQLite", "SXF",
    "Selafin", "TopoJSON", "VDV", "VFK", "VICAR", "WAsP", "WFS", "XLSX",
)  # fmt: skip


def skip_all_but(wanted: Collection[str]) -> str:
    """The value of GDAL_SKIP that leaves `wanted` and nothing else; it is read when GDAL starts, so it must be set before."""
    left = {*wanted, *ALWAYS}
    return ",".join(name for name in sorted({*DRIVERS, *SKIPPED}) if name not in left)


def gdal_environment() -> dict[str, str]:
    """Environment of a reading process: no driver before the format is known, no plug-ins, no network."""
    return {
        "GDAL_SKIP": skip_all_but(()),
        "GDAL_DRIVER_PATH": "disable",
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none",
        "PROJ_NETWORK": "OFF",
    }
