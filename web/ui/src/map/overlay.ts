/** What MapLibre cannot draw: lines at their true depth, and the picked thing seen through what stands before it. */
import { GeoJsonLayer } from '@deck.gl/layers';
import { MapLibreOverlay } from '@deck.gl/maplibre';
import type { Map as MapLibre } from 'maplibre-gl';
import type { Item } from '../api/types';

const AMBER: [number, number, number] = [242, 162, 12];
const DEEP: [number, number, number] = [20, 132, 138];

function pickedLayer(item: Item, height: number) {
  return new GeoJsonLayer({
    id: 'picked',
    data: [item] as GeoJSON.Feature[],
    extruded: height > 0,
    filled: height > 0 || item.geometry?.type.endsWith('Point') === true,
    wireframe: true,
    getElevation: height,
    getFillColor: [...AMBER, 60],
    getLineColor: [...AMBER, 255],
    getLineWidth: 3,
    lineWidthUnits: 'pixels',
    getPointRadius: 9,
    pointRadiusUnits: 'pixels',
    stroked: true,
  });
}

function deepLayer(items: Item[]) {
  return new GeoJsonLayer({
    id: 'deep',
    data: items as GeoJSON.Feature[],
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

  /** `height` is that of the picked thing in metres, 0 for what lies flat. */
  show(picked: Item | null, height: number, deep: Item[]): void {
    const layers = [deep.length > 0 ? deepLayer(deep) : null, picked?.geometry ? pickedLayer(picked, height) : null];
    this.control.setProps({ layers });
  }

  remove(): void {
    if (this.map.hasControl(this.control)) this.map.removeControl(this.control);
  }
}
