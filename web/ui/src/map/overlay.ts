/** What MapLibre cannot draw: the picked thing seen through what stands before it. */
import { GeoJsonLayer } from '@deck.gl/layers';
import { MapLibreOverlay } from '@deck.gl/maplibre';
import type { Map as MapLibre } from 'maplibre-gl';
import type { Item } from '../api/types';

const AMBER: [number, number, number] = [242, 162, 12];

/** Heights above the datum would float over a map that has no terrain: the outline lies on the ground. */
function onTheGround(geometry: GeoJSON.Geometry | null): GeoJSON.Geometry | null {
  const flat = (value: unknown): unknown =>
    Array.isArray(value) ? (typeof value[0] === 'number' ? value.slice(0, 2) : value.map(flat)) : value;
  if (geometry === null || !('coordinates' in geometry)) return geometry;
  return { ...geometry, coordinates: flat(geometry.coordinates) } as GeoJSON.Geometry;
}

function pickedLayer(item: Item, height: number) {
  return new GeoJsonLayer({
    id: 'picked',
    data: [{ ...item, geometry: onTheGround(item.geometry) }] as GeoJSON.Feature[],
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

export class Overlay {
  private readonly control = new MapLibreOverlay({ interleaved: false, layers: [] });
  private readonly map: MapLibre;

  constructor(map: MapLibre) {
    this.map = map;
    map.addControl(this.control);
  }

  /** `height` is that of the picked thing in metres, 0 for what lies flat. */
  show(picked: Item | null, height: number): void {
    this.control.setProps({ layers: picked?.geometry ? [pickedLayer(picked, height)] : [] });
  }

  remove(): void {
    if (this.map.hasControl(this.control)) this.map.removeControl(this.control);
  }
}
