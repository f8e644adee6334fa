/** What MapLibre cannot draw: lines at their true depth, and the picked thing seen through what stands before it. */
import { GeoJsonLayer } from '@deck.gl/layers';
import { MapLibreOverlay } from '@deck.gl/maplibre';
import type { Map as MapLibre } from 'maplibre-gl';
import type { Item } from '../api/types';

const AMBER: [number, number, number] = [242, 162, 12];
const DEEP: [number, number, number] = [20, 132, 138];

function heightOf(item: Item): number {
  for (const key of ['height', 'height_m', 'zmax']) {
    const value = Number(item.properties[key]);
    if (Number.isFinite(value) && value > 0) return value;
  }
  return 6;
}

function pickedLayer(item: Item) {
  return new GeoJsonLayer<Record<string, unknown>>({
    id: 'picked',
    data: [item] as GeoJSON.Feature<GeoJSON.Geometry>[],
    extruded: true,
    wireframe: true,
    getElevation: heightOf(item),
    getFillColor: [...AMBER, 70],
    getLineColor: [...AMBER, 255],
    getLineWidth: 3,
    lineWidthUnits: 'pixels',
    getPointRadius: 9,
    pointRadiusUnits: 'pixels',
    stroked: true,
  });
}

function deepLayer(items: Item[]) {
  return new GeoJsonLayer<Record<string, unknown>>({
    id: 'deep',
    data: items as GeoJSON.Feature<GeoJSON.Geometry>[],
    getLineColor: [...DEEP, 200],
    getLineWidth: 2.5,
    lineWidthUnits: 'pixels',
    lineBillboard: true,
  });
}

export class Overlay {
  private readonly control = new MapLibreOverlay({ interleaved: false, layers: [] });
  private readonly map: MapLibre;

  constructor(map: MapLibre) {
    this.map = map;
    map.addControl(this.control);
  }

  show(picked: Item | null, deep: Item[]): void {
    const layers = [deep.length > 0 ? deepLayer(deep) : null, picked?.geometry ? pickedLayer(picked) : null];
    this.control.setProps({ layers });
  }

  remove(): void {
    if (this.map.hasControl(this.control)) this.map.removeControl(this.control);
  }
}
