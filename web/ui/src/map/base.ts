/** The quiet ground under everything: our own base layers when the server has them, else plain land. */
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import type { Mode } from '../state/page';
import { atNight, isHex } from './night';

const LAND = '#F3F2EE';
const NIGHT = '#171B21';
const LINE_LABELS_3D_ZOOM = 16;

export interface GroundView {
  mode: Mode;
  dark: boolean;
  /** Layers that something on the map already draws as blocks: the base map leaves its own away. */
  raised: string[];
}

export interface Ground {
  sources: Record<string, SourceSpecification>;
  layers: LayerSpecification[];
}

function darken(value: unknown): unknown {
  if (typeof value === 'string') return isHex(value) ? atNight(value) : value;
  if (Array.isArray(value)) return value.map(darken);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, darken(inner)]));
  }
  return value;
}

function darkened(layer: LayerSpecification): LayerSpecification {
  const text = layer.type === 'symbol' ? { 'text-color': '#C3CAD3', 'text-halo-color': '#14181E' } : {};
  return { ...layer, paint: { ...(darken(layer.paint ?? {}) as object), ...text } } as LayerSpecification;
}

function isStyle(value: unknown): value is StyleSpecification {
  return typeof value === 'object' && value !== null && 'layers' in value && Array.isArray(value.layers) && 'sources' in value;
}

function renamed(layer: LayerSpecification): LayerSpecification {
  const id = `base/${layer.id}`;
  return 'source' in layer && typeof layer.source === 'string' ? { ...layer, id, source: `base/${layer.source}` } : { ...layer, id };
}

/** Blocks lie flat in 2D, and names along roads wait in 3D until the streets are wide enough to carry them. */
function forMode(layer: LayerSpecification, mode: Mode): LayerSpecification {
  if (layer.type === 'fill-extrusion' && mode === '2d') {
    const color = layer.paint?.['fill-extrusion-color'] ?? '#D9DCE1';
    return { ...layer, type: 'fill', paint: { 'fill-color': color, 'fill-opacity': layer.paint?.['fill-extrusion-opacity'] ?? 1 } };
  }
  if (layer.type === 'symbol' && layer.layout?.['symbol-placement'] === 'line' && mode === '3d') {
    return { ...layer, minzoom: Math.max(layer.minzoom ?? 0, LINE_LABELS_3D_ZOOM) };
  }
  return layer;
}

const isDoubled = (layer: LayerSpecification, raised: string[]): boolean =>
  layer.type === 'fill-extrusion' && raised.includes(layer['source-layer'] ?? '');

export function ground(base: unknown, { mode, dark, raised }: GroundView): Ground {
  const land: LayerSpecification = { id: 'base/land', type: 'background', paint: { 'background-color': dark ? NIGHT : LAND } };
  if (!isStyle(base)) return { sources: {}, layers: [land] };
  const sources = Object.fromEntries(Object.entries(base.sources).map(([key, source]) => [`base/${key}`, source]));
  const own = base.layers
    .filter((layer) => !isDoubled(layer, raised))
    .map((layer) => forMode(renamed(layer), mode))
    .map((layer) => (dark ? darkened(layer) : layer));
  return { sources, layers: own.some((layer) => layer.type === 'background') ? own : [land, ...own] };
}
