/** What lies under a point of the screen, over all layers, topmost first and each thing once. */
import type { Map as MapLibre, MapGeoJSONFeature, PointLike } from 'maplibre-gl';
import { textOf } from '../api/roles';
import { page, type Candidate } from '../state/page';

const REACH_PX = 4;
const MOST = 30;

function titleOf(feature: MapGeoJSONFeature): string {
  const layer = page.get().layers[feature.sourceLayer ?? ''];
  return textOf(feature.properties, layer, 'name') || textOf(feature.properties, layer, 'code');
}

function candidate(feature: MapGeoJSONFeature): Candidate | null {
  const layer = feature.sourceLayer;
  if (layer === undefined || layer === '' || feature.source.startsWith('base/')) return null;
  const oid = Number(feature.id ?? feature.properties['oid']);
  return Number.isSafeInteger(oid) ? { layer, oid, title: titleOf(feature) } : null;
}

export function unique(found: (Candidate | null)[]): Candidate[] {
  const seen = new Map<string, Candidate>();
  for (const hit of found) {
    if (hit === null) continue;
    const key = `${hit.layer}/${hit.oid}`;
    if (!seen.has(key)) seen.set(key, hit);
  }
  return [...seen.values()].slice(0, MOST);
}

export function identify(map: MapLibre, x: number, y: number, reach = REACH_PX): Candidate[] {
  const exact = map.queryRenderedFeatures([x, y] as PointLike);
  const box: [PointLike, PointLike] = [
    [x - reach, y - reach],
    [x + reach, y + reach],
  ];
  const near = map.queryRenderedFeatures(box).filter((feature) => feature.geometry.type !== 'Polygon' && feature.geometry.type !== 'MultiPolygon');
  return unique([...near, ...exact].map(candidate));
}

/** Where a cluster or a folded square lies under the pointer, when nothing that can be picked does. */
export function crowdAt(map: MapLibre, x: number, y: number): boolean {
  return map.queryRenderedFeatures([x, y] as PointLike).some((feature) => Number(feature.properties['count']) > 1 && feature.id === undefined);
}
