/** The one live map, for the few orders that are not state: fly there, read that pixel again. */
import type { Map as MapLibre } from 'maplibre-gl';
import type { Bounds } from '../api/types';
import type { Camera } from '../state/page';
import { sourceOf } from './symbol';

const FLIGHT_MS = 1100;
const REFRESH_GAP_MS = 300;

let map: MapLibre | null = null;

export function setMap(live: MapLibre | null): void {
  map = live;
}

export function liveMap(): MapLibre | null {
  return map;
}

function duration(): number {
  return matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : FLIGHT_MS;
}

export function flyTo(camera: Partial<Camera>): void {
  if (map === null) return;
  const center = map.getCenter();
  const { lng = center.lng, lat = center.lat, ...rest } = camera;
  map.easeTo({ center: [lng, lat], ...rest, duration: duration(), essential: false });
}

/** The part of the map that no panel covers. */
function padding(): { top: number; bottom: number; left: number; right: number } {
  const phone = matchMedia('(max-width: 640px)').matches;
  const left = !phone && document.querySelector('.drawer') !== null ? 344 : 24;
  const right = !phone && document.querySelector('.inspector') !== null ? 384 : 56;
  return { top: 24, bottom: phone ? 180 : 48, left: phone ? 24 : left, right: phone ? 24 : right };
}

/** With `gently`, a map that already shows a part of the box closely enough stays where it is. */
export function flyToBounds([west, south, east, north]: Bounds, gently = false): void {
  if (map === null) return;
  if (gently && seesEnough([west, south, east, north])) return;
  map.fitBounds([west, south, east, north], { padding: padding(), maxZoom: 17, duration: duration(), pitch: map.getPitch(), bearing: map.getBearing() });
}

function seesEnough([west, south, east, north]: Bounds): boolean {
  const view = map?.getBounds();
  if (view === undefined) return false;
  const overlap = view.getWest() < east && view.getEast() > west && view.getSouth() < north && view.getNorth() > south;
  const tooFar = (east - west) / (view.getEast() - view.getWest()) < 0.15;
  return overlap && !tooFar;
}

/** Sources that draw the layer: its own, and the base map's when it is part of that. */
function sourcesWith(layer: string): string[] {
  const drawn = map?.getStyle().layers ?? [];
  const own = drawn.flatMap((each) => ('source-layer' in each && each['source-layer'] === layer ? [each.source] : []));
  return [...new Set([sourceOf(layer), ...own])].filter((id) => map?.getSource(id) !== undefined);
}

const stale = new Set<string>();
let timer = 0;

/** Read the tiles of a layer again in place, without taking the old ones away first. */
export function onTilesChanged(layer: string): void {
  stale.add(layer);
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    for (const id of stale) {
      for (const source of sourcesWith(id)) map?.refreshTiles(source);
    }
    stale.clear();
  }, REFRESH_GAP_MS);
}
