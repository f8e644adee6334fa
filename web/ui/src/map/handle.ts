/** The one live map, for the few orders that are not state: fly there, read that pixel again. */
import type { Map as MapLibre } from 'maplibre-gl';
import type { Bounds } from '../api/types';
import { page, type Camera } from '../state/page';
import { merged, touched, type TileId } from './cells';
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
  const open = document.querySelector<HTMLElement>('.side') ?? document.querySelector<HTMLElement>(phone ? '.sheet' : '.inspector');
  const right = !phone && open !== null ? open.offsetWidth + 24 : 56;
  return { top: 24, bottom: phone ? (open?.offsetHeight ?? 68) + 40 : 48, left: phone ? 24 : left, right: phone ? 24 : right };
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

/** Zooms from here on are read from the rows themselves, those below from an overview that follows a moment later. */
const ROWS_FROM_ZOOM = 14;

/** What changed: the rows, the overview that low zooms are read from, or (after a gap in the events) anything. */
export type Changed = 'rows' | 'overview' | 'all';

export interface TilesChange {
  layer: string;
  changed: Changed;
  /** Coarse cells; null is the whole layer. */
  cells: number[] | null;
}

const stale = new Map<string, TilesChange>();
let timer = 0;

/** Read again in place the tiles on which a change may show, without taking the old ones away first. */
export function onTilesChanged(change: TilesChange): void {
  const key = `${change.changed}/${change.layer}`;
  const before = stale.get(key);
  stale.set(key, before === undefined ? change : { ...change, cells: merged(before.cells, change.cells) });
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    stale.forEach(refresh);
    stale.clear();
  }, REFRESH_GAP_MS);
}

function refresh({ layer, changed, cells }: TilesChange): void {
  const live = map;
  if (live === null) return;
  const overviewed = page.get().layers[layer]?.tile_source === 'overview';
  const shows = ({ z }: TileId): boolean => changed === 'all' || !overviewed || (changed === 'overview') === z < ROWS_FROM_ZOOM;
  for (const id of sourcesWith(layer)) {
    const tiles = touched(tilesInView(live, id).filter(shows), cells);
    if (tiles.length > 0) live.refreshTiles(id, tiles);
    // Tiles kept for panning back are not looked at by refreshTiles and would come back old.
    live.style.tileManagers[id]?._outOfViewCache.reset();
  }
}

function tilesInView(live: MapLibre, id: string): TileId[] {
  const source = live.getSource(id);
  if (source === undefined) return [];
  const { minzoom, maxzoom, tileSize } = source;
  return live.coveringTiles({ tileSize, minzoom, maxzoom }).map(({ canonical: { z, x, y } }) => ({ z, x, y }));
}
