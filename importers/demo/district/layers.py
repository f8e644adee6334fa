"""The layers of a district by id, in the order they are loaded."""

from collections.abc import Callable, Mapping

import pyarrow as pa

from importers.demo.district.built import buildings, parcels
from importers.demo.district.city import City
from importers.demo.district.devices import cameras, outfalls, sensors
from importers.demo.district.nature import farmland, forest, redlines, water, wetland
from importers.demo.district.network import pipes, roads
from importers.demo.district.people import firms, grid, parks, population
from importers.demo.district.places import fire_stations, hospitals, schools, shelters, slopes

LAYERS: Mapping[str, Callable[[City], pa.Table]] = {
    "buildings": buildings,
    "population": population,
    "parcels": parcels,
    "pipes": pipes,
    "roads": roads,
    "cameras": cameras,
    "firms": firms,
    "water": water,
    "farmland": farmland,
    "forest": forest,
    "wetland": wetland,
    "redlines": redlines,
    "grid": grid,
    "parks": parks,
    "hospitals": hospitals,
    "schools": schools,
    "shelters": shelters,
    "fire_stations": fire_stations,
    "slopes": slopes,
    "sensors": sensors,
    "outfalls": outfalls,
}
