"""Run by Debian's own Python with PyQGIS: does what the console does with the program on stdin, then draws the project and counts its pixels."""

import json
import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize

SIDE = 200


def main():
    app = QgsApplication([], False)
    app.initQgis()
    told = json.load(sys.stdin)
    exec(told["program"], {})
    root = QgsProject.instance().layerTreeRoot()
    layers = root.layerOrder()
    settings = QgsMapSettings()
    settings.setLayers(root.checkedLayers())
    settings.setDestinationCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    settings.setExtent(QgsRectangle(*told["extent"]))
    settings.setOutputSize(QSize(SIDE, SIDE))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    image.save(told["picture"])
    colors = [image.pixelColor(x, y).getRgb()[:3] for x in range(SIDE) for y in range(SIDE)]
    near = sum(max(abs(one - other) for one, other in zip(color, told["color"], strict=True)) <= 3 for color in colors)
    print(
        json.dumps(
            {"names": [layer.name() for layer in layers], "valid": [layer.isValid() for layer in layers], "share": near / len(colors)}
        )
    )
    app.exitQgis()


main()
