/** The whole map as one value: MapLibre compares it with the last one and changes only what differs. */
import type { LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl';
import { ROOT } from '../api/client';
import { fieldOf } from '../api/roles';
import type { Layer, Product, ProductLayer } from '../api/types';
import type { MapItem, Mode } from '../state/page';
import { ground } from './base';
import { isNamedApart, namesOf, NO_NAMES, type Names } from './names';
import { nightSymbol } from './night';
import { plainSymbol } from './plain';
import { draw, sourceOf, type Drawn } from './symbol';
import { onTop } from './trial';

export interface Scene {
  items: MapItem[];
  products: Product[];
  layers: Record<string, Layer>;
  base: unknown;
  names: Record<string, Names>;
  mode: Mode;
  dark: boolean;
  trial?: GeoJSON.FeatureCollection | null;
  marks?: GeoJSON.FeatureCollection | null;
}

/** What an item draws: the layers of its product, or the bare layer with a plain symbol. */
export function parts(item: Pick<MapItem, 'kind' | 'id'>, products: Product[], layers: Record<string, Layer>): ProductLayer[] {
  if (item.kind === 'product') return products.find((product) => product.code === item.id)?.layers ?? [];
  const layer = layers[item.id];
  return layer === undefined ? [] : [{ layer: layer.id, symbol: plainSymbol(layer), min_zoom: null, max_zoom: null, visible: true }];
}

function tileSource(layer: Layer): SourceSpecification {
  return {
    type: 'vector',
    tiles: [`${ROOT}tiles/${encodeURIComponent(layer.id)}/{z}/{x}/{y}.mvt`],
    minzoom: layer.min_zoom,
    maxzoom: layer.max_zoom,
    ...(layer.bounds_4490 === null ? {} : { bounds: layer.bounds_4490 }),
  };
}

/** The phase counts only where the tiles carry it. */
export function phaseField(layer: Layer | undefined): string | null {
  const field = layer?.fields.find(({ role }) => role === 'phase');
  return field === undefined || field.in_tiles_from_zoom === null ? null : field.name;
}

function drawnParts(item: MapItem, { products, layers }: Pick<Scene, 'products' | 'layers'>): ProductLayer[] {
  return parts(item, products, layers).filter((part) => !item.off.includes(part.layer) && layers[part.layer] !== undefined);
}

function drawItem(item: MapItem, scene: Scene): Drawn[] {
  return drawnParts(item, scene)
    .map((part, index) => {
      const layer = scene.layers[part.layer] as Layer;
      return draw({
        prefix: `${item.kind}/${item.id}/${index}/${layer.id}`,
        layerId: layer.id,
        symbol: scene.dark ? nightSymbol(part.symbol) : part.symbol,
        opacity: item.opacity,
        mode: scene.mode,
        dark: scene.dark,
        geometryType: layer.geometry_type,
        minZoom: part.min_zoom,
        maxZoom: part.max_zoom,
        floorsField: fieldOf(layer, 'floors'),
        baseField: fieldOf(layer, 'base_height'),
        phaseField: phaseField(layer),
        overviewed: layer.tile_source === 'overview',
        nameSource: isNamedApart(layer, part) ? namesOf(layer.id) : null,
      });
    });
}

function shownParts(scene: Pick<Scene, 'items' | 'products' | 'layers'>): ProductLayer[] {
  return scene.items.filter((item) => item.visible).flatMap((item) => drawnParts(item, scene));
}

/** Layers on the map that need one name for each of their areas. */
export function namedLayers(scene: Pick<Scene, 'items' | 'products' | 'layers'>): string[] {
  const named = shownParts(scene).filter((part) => isNamedApart(scene.layers[part.layer] as Layer, part));
  return [...new Set(named.map((part) => part.layer))];
}

/** Layer ids drawn by the items that are switched on, without repeats. */
export function shownLayers(scene: Pick<Scene, 'items' | 'products' | 'layers'>): string[] {
  return [...new Set(shownParts(scene).map((part) => part.layer))];
}

const FLAT = 0;
const RAISED = 1;
const MARKER = 2;

const height = ({ type }: LayerSpecification): number => (type === 'circle' ? MARKER : type === 'fill-extrusion' ? RAISED : FLAT);

/** In 3D what lies on the ground stays under the blocks, whatever the order of the rows, and points stay in sight. */
function stacked(shapes: LayerSpecification[], mode: Mode): LayerSpecification[] {
  return mode === '2d' ? shapes : shapes.toSorted((one, other) => height(one) - height(other));
}

export function composeStyle(scene: Scene): StyleSpecification {
  const raised = shownParts(scene).filter((part) => part.symbol.kind === 'extrusion').map((part) => part.layer);
  const under = ground(scene.base, { mode: scene.mode, dark: scene.dark, raised });
  const drawn = scene.items
    .filter((item) => item.visible)
    .toReversed()
    .flatMap((item) => drawItem(item, scene));
  const shapes = stacked(
    drawn.flatMap((part) => part.shapes),
    scene.mode,
  );
  const labels: LayerSpecification[] = drawn.flatMap((part) => part.labels);
  const sources = shownLayers(scene).map((id) => [sourceOf(id), tileSource(scene.layers[id] as Layer)] as const);
  const names = namedLayers(scene).map((id) => [namesOf(id), { type: 'geojson', data: scene.names[id] ?? NO_NAMES }] as const);
  const top = onTop(scene.trial ?? null, scene.marks ?? null);
  const baseLabels = under.layers.filter((layer) => layer.type === 'symbol');
  const baseShapes = under.layers.filter((layer) => layer.type !== 'symbol');
  return {
    version: 8,
    sources: { ...under.sources, ...Object.fromEntries(sources), ...Object.fromEntries(names), ...top.sources },
    layers: [...baseShapes, ...shapes, ...baseLabels, ...labels, ...top.layers],
    light: { anchor: 'map', position: [1.5, 315, 40], color: '#ffffff', intensity: 0.22 },
  };
}
