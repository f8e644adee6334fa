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

/** Tilt for 3D or lie flat; a hand on the map may cut the flight short, but never leaves it half way. */
export function tilt(pitch: number): void {
  if (map === null) return;
  const live = map;
  const bearing = pitch === 0 ? 0 : live.getBearing();
  live.easeTo({ pitch, bearing, duration: duration() });
  live.once('moveend', () => {
    if (Math.abs(live.getPitch() - pitch) > 0.5) live.jumpTo({ pitch, bearing });
  });
}

/** The part of the map that no panel covers. */
function padding(): { top: number; bottom: number; left: number; right: number } {
  const phone = matchMedia('(max-width: 640px)').matches;
  const left = !phone && document.querySelector('.drawer') !== null ? 344 : 24;
  const right = !phone && document.querySelector('.inspector') !== null ? 384 : 56;
  return { top: 24, bottom: phone ? (document.querySelector<HTMLElement>('.sheet')?.offsetHeight ?? 68) + 40 : 48, left: phone ? 24 : left, right: phone ? 24 : right };
}

interface Flight {
  /** Nothing of what is flown to is drawn below this zoom. */
  minZoom?: number;
  /** A map that already shows a part of the box closely enough stays where it is. */
  gently?: boolean;
  instant?: boolean;
}

export function flyToBounds(bounds: Bounds, { minZoom = 0, gently = false, instant = false }: Flight = {}): void {
  if (map === null || (gently && seesEnough(bounds, minZoom))) return;
  const camera = map.cameraForBounds(bounds, { padding: padding(), maxZoom: 17, bearing: map.getBearing() });
  if (camera === undefined) return;
  const zoom = Math.max(camera.zoom ?? 0, minZoom);
  map.easeTo({ ...camera, zoom, pitch: map.getPitch(), duration: instant ? 0 : duration() });
}

function seesEnough([west, south, east, north]: Bounds, minZoom: number): boolean {
  const view = map?.getBounds();
  if (map === null || view === undefined || map.getZoom() < minZoom) return false;
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
