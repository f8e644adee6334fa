/** One name for each area in sight: tiles cut areas into pieces, and every piece would carry the name again. */
import type { Map as MapLibre } from 'maplibre-gl';
import type { Layer, ProductLayer } from '../api/types';
import { sourceOf } from './symbol';

export type Names = GeoJSON.FeatureCollection<GeoJSON.Point>;

const MOST_OBJECTS = 3000;
const MOST_NAMES = 300;

type Ring = GeoJSON.Position[];

interface Named {
  area: number;
  point: [number, number];
  properties: Record<string, unknown>;
}

export const NO_NAMES: Names = { type: 'FeatureCollection', features: [] };

export const namesOf = (layerId: string): string => `names:${layerId}`;

/** Few large areas get one name each; many small ones are rarely cut and keep the names of their tiles. */
export function isNamedApart(layer: Layer, part: ProductLayer): boolean {
  return layer.geometry_type.endsWith('Polygon') && part.symbol.kind !== 'extrusion' && part.symbol.label_field !== '' && layer.count <= MOST_OBJECTS;
}

const at = (ring: Ring, index: number): [number, number] => {
  const [x = 0, y = 0] = ring[index % ring.length] ?? [];
  return [x, y];
};

/** Twice the signed area, and the y of the centre. */
function measure(ring: Ring): { area: number; y: number } {
  let area = 0;
  let moment = 0;
  for (let index = 0; index < ring.length; index += 1) {
    const [x0, y0] = at(ring, index);
    const [x1, y1] = at(ring, index + 1);
    const cross = x0 * y1 - x1 * y0;
    area += cross;
    moment += (y0 + y1) * cross;
  }
  return { area: Math.abs(area), y: area === 0 ? at(ring, 0)[1] : moment / (3 * area) };
}

function crossings(ring: Ring, y: number): number[] {
  const found: number[] = [];
  for (let index = 0; index < ring.length; index += 1) {
    const [x0, y0] = at(ring, index);
    const [x1, y1] = at(ring, index + 1);
    if (y0 > y !== y1 > y) found.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0));
  }
  return found;
}

/** The middle of the widest stretch at the height of the centre: always inside, holes counted. */
export function anchor(rings: Ring[]): [number, number] | null {
  const [outer] = rings;
  if (outer === undefined || outer.length < 3) return null;
  const { y } = measure(outer);
  const xs = rings.flatMap((ring) => crossings(ring, y)).toSorted((one, other) => one - other);
  let best: [number, number] | null = null;
  for (let index = 0; index + 1 < xs.length; index += 2) {
    const [from = 0, to = 0] = [xs[index], xs[index + 1]];
    if (best === null || to - from > best[1] - best[0]) best = [from, to];
  }
  return best === null ? null : [(best[0] + best[1]) / 2, y];
}

function piecesOf(geometry: GeoJSON.Geometry): Ring[][] {
  if (geometry.type === 'Polygon') return [geometry.coordinates];
  return geometry.type === 'MultiPolygon' ? geometry.coordinates : [];
}

type InSight = (point: [number, number]) => boolean;

function largest(features: Iterable<GeoJSON.Feature>, inSight: InSight): Named[] {
  const best = new Map<unknown, Named>();
  for (const { id, geometry, properties } of features) {
    for (const rings of piecesOf(geometry)) {
      const point = anchor(rings);
      const { area } = measure(rings[0] ?? []);
      if (point === null || !inSight(point) || area <= (best.get(id)?.area ?? 0)) continue;
      best.set(id, { area, point, properties: properties ?? {} });
    }
  }
  return [...best.values()].toSorted((one, other) => other.area - one.area).slice(0, MOST_NAMES);
}

const rounded = (value: number): number => Number(value.toFixed(6));

export function nameFeatures(features: Iterable<GeoJSON.Feature>, inSight: InSight): Names {
  return {
    type: 'FeatureCollection',
    features: largest(features, inSight).map(({ point, properties }) => ({
      type: 'Feature',
      geometry: { type: 'Point', coordinates: point.map(rounded) },
      properties,
    })),
  };
}

/** The names of what the map now shows of these layers. */
export function readNames(map: MapLibre, layerIds: string[]): Record<string, Names> {
  const bounds = map.getBounds();
  const inSight: InSight = (point) => bounds.contains(point);
  const shown = layerIds.filter((id) => map.getSource(sourceOf(id)) !== undefined);
  return Object.fromEntries(shown.map((id) => [id, nameFeatures(map.querySourceFeatures(sourceOf(id), { sourceLayer: id }), inSight)]));
}
