"""Run by Debian's own Python with PyQGIS: opens each source given as JSON on stdin, renders it, prints how much of the picture is drawn."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def opened(source):
    if source["provider"] == "vectortile":
        return QgsVectorTileLayer(source["uri"], source["name"])
    return QgsRasterLayer(source["uri"], source["name"], source["provider"])


def drawn(layer, source):
    """Pixels that are not the white ground, of a 400 × 400 picture."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(source["crs"]))
    settings.setExtent(QgsRectangle(*source["extent"]))
    settings.setOutputSize(QSize(400, 400))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    if source.get("picture"):
        image.save(source["picture"])
    return sum(image.pixelColor(x, y) != QColor("white") for x in range(400) for y in range(400))


def main():
    app = QgsApplication([], False)
    app.initQgis()
    found = []
    for source in json.load(sys.stdin):
        layer = opened(source)
        error = layer.error().message() if not layer.isValid() else ""
        found.append(
            {"name": source["name"], "valid": layer.isValid(), "error": error, "pixels": drawn(layer, source) if layer.isValid() else 0}
        )
    print(json.dumps({"version": Qgis.QGIS_VERSION, "layers": found}))
    app.exitQgis()


main()
