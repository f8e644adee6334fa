/** The quiet ground under everything: our own base layers when the server has them, else plain land. */
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';

const LAND = '#F3F2EE';
const NIGHT = '#171B21';

export interface Ground {
  sources: Record<string, SourceSpecification>;
  layers: LayerSpecification[];
}

/** The same hue with its lightness turned round, kept between 11 % and 62 %, for the dark theme. */
export function atNight(hex: string): string {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const high = Math.max(r, g, b);
  const low = Math.min(r, g, b);
  const light = (high + low) / 2;
  const chroma = high - low;
  const saturation = chroma === 0 ? 0 : chroma / (1 - Math.abs(2 * light - 1));
  const hue = chroma === 0 ? 0 : high === r ? ((g - b) / chroma + 6) % 6 : high === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
  const turned = 0.11 + (1 - light) * 0.51;
  return `hsl(${Math.round(hue * 60)}, ${Math.round(saturation * 55)}%, ${Math.round(turned * 100)}%)`;
}

function darken(value: unknown): unknown {
  if (typeof value === 'string') return /^#[0-9a-f]{6}$/i.test(value) ? atNight(value) : value;
  if (Array.isArray(value)) return value.map(darken);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, darken(inner)]));
  }
  return value;
}

function atNightLayer(layer: LayerSpecification): LayerSpecification {
  return { ...layer, paint: darken(layer.paint ?? {}) } as LayerSpecification;
}

function isStyle(value: unknown): value is StyleSpecification {
  return typeof value === 'object' && value !== null && 'layers' in value && Array.isArray(value.layers) && 'sources' in value;
}

function renamed(layer: LayerSpecification): LayerSpecification {
  const id = `base/${layer.id}`;
  return 'source' in layer && typeof layer.source === 'string' ? { ...layer, id, source: `base/${layer.source}` } : { ...layer, id };
}

export function ground(base: unknown, dark: boolean): Ground {
  const land: LayerSpecification = { id: 'base/land', type: 'background', paint: { 'background-color': dark ? NIGHT : LAND } };
  if (!isStyle(base)) return { sources: {}, layers: [land] };
  const sources = Object.fromEntries(Object.entries(base.sources).map(([key, source]) => [`base/${key}`, source]));
  const own = base.layers.map(renamed).map((layer) => (dark ? atNightLayer(layer) : layer));
  return { sources, layers: own.some((layer) => layer.type === 'background') ? own : [land, ...own] };
}
