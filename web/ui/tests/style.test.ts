import { validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Layer, Product, Symbology } from '../src/api/types';
import { nightSymbol } from '../src/map/night';
import type { Scene } from '../src/map/style';

const LAYERS = Object.fromEntries(
  ['a', 'b'].map((id) => [id, { id, geometry_type: 'Polygon', fields: [], bounds_4490: null, min_zoom: 0, max_zoom: 14 } as unknown as Layer]),
);
const part = (layer: string) => ({ layer, symbol: { kind: 'fill', color: '#112233', legend: [], dash: [], class_field: '', label_field: '', outline_color: null, opacity: 1 } });
const PRODUCTS = [{ code: 'p', layers: [part('a'), part('b'), part('unreadable')] }] as unknown as Product[];
const item = { kind: 'product' as const, id: 'p', visible: true, opacity: 1, off: [] as string[] };
const SCENE: Scene = { items: [item], products: PRODUCTS, layers: LAYERS, base: null, names: {}, mode: '2d', dark: false };
const BASE = {
  version: 8,
  sources: { s: { type: 'vector', url: 'http://x/tiles/w.json' } },
  layers: [
    { id: 'water', type: 'fill', source: 's', 'source-layer': 'w', paint: { 'fill-color': ['match', ['get', 'k'], 'sea', '#CFE0EC', '#CFE0EC'] } },
    { id: 'names', type: 'symbol', source: 's', 'source-layer': 'w', layout: { 'text-field': 'x' } },
  ],
};

let compose: (scene: Scene) => ReturnType<typeof import('../src/map/style').composeStyle>;

beforeAll(async () => {
  vi.stubGlobal('document', { baseURI: 'http://host/yzt/' });
  ({ composeStyle: compose } = await import('../src/map/style'));
});

const ids = (scene: Scene) => compose(scene).layers.map((layer) => layer.id);

describe('the map’s style', () => {
  it('asks for tiles below the path prefix', () => {
    expect(compose(SCENE).sources['layer:a']).toMatchObject({ tiles: ['http://host/yzt/tiles/a/{z}/{x}/{y}.mvt'] });
  });
  it('draws the first row on top and a product’s first layer at the bottom', () => {
    const two = { ...SCENE, items: [{ ...item, kind: 'layer' as const, id: 'b' }, item] };
    expect(ids(two).filter((id) => id.endsWith('/fill'))).toEqual(['product/p/0/a/fill', 'product/p/1/b/fill', 'layer/b/0/b/fill']);
  });
  it('leaves out what is hidden, switched off or not readable', () => {
    expect(Object.keys(compose({ ...SCENE, items: [{ ...item, off: ['a'] }] }).sources)).toEqual(['layer:b']);
    expect(ids({ ...SCENE, items: [{ ...item, visible: false }] })).toEqual(['base/land']);
  });
  it('keeps lines under blocks and points above them in 3D', () => {
    const kinds = (kind: string) => ({ layer: 'a', symbol: { ...part('a').symbol, kind } });
    const products = [{ code: 'p', layers: [kinds('circle'), kinds('extrusion'), kinds('line')] }] as unknown as Product[];
    const types = compose({ ...SCENE, products, mode: '3d' }).layers.map((layer) => layer.type);
    expect(types).toEqual(['background', 'line', 'fill-extrusion', 'circle']);
  });
  it('lays the base map under everything but its names above', () => {
    const all = ids({ ...SCENE, base: BASE });
    expect(all.slice(0, 2)).toEqual(['base/land', 'base/water']);
    expect(all.at(-1)).toBe('base/names');
  });
  it('lays the base map’s blocks flat in 2D and leaves doubled ones away in 3D', () => {
    const block = { id: 'b', type: 'fill-extrusion', source: 's', 'source-layer': 'a', paint: { 'fill-extrusion-color': '#D9DCE1', 'fill-extrusion-height': 9 } };
    const base = { ...BASE, layers: [block] };
    const typeOf = (scene: Scene) => compose(scene).layers.find((layer) => layer.id === 'base/b')?.type;
    const raised = [{ code: 'p', layers: [{ layer: 'a', symbol: { ...part('a').symbol, kind: 'extrusion' } }] }] as unknown as Product[];
    expect(typeOf({ ...SCENE, base })).toBe('fill');
    expect(typeOf({ ...SCENE, base, mode: '3d' })).toBe('fill-extrusion');
    expect(typeOf({ ...SCENE, base, mode: '3d', products: raised })).toBeUndefined();
  });
  it('turns pale ground dark at night but never a class colour', () => {
    const symbol = { ...part('a').symbol, color: '#CFE0EC' } as unknown as Symbology;
    expect(nightSymbol(symbol).color).toMatch(/^hsl\(/);
    expect(nightSymbol({ ...symbol, class_field: 'use' }).color).toBe('#CFE0EC');
    expect(nightSymbol({ ...symbol, color: '#1456A0' }).color).toBe('#1456A0');
  });
  it('darkens the base map at night and stays valid', () => {
    const night = compose({ ...SCENE, base: BASE, dark: true });
    expect(JSON.stringify(night.layers.find((layer) => layer.id === 'base/water'))).not.toContain('#CFE0EC');
    expect(validateStyleMin({ ...night, glyphs: 'http://x/{fontstack}/{range}' })).toEqual([]);
  });
});
