import { expression, validateStyleMin } from '@maplibre/maplibre-gl-style-spec';
import { describe, expect, it } from 'vitest';
import type { Symbology } from '../src/api/types';
import { classColor, draw, NO_DATA, type Drawing } from '../src/map/symbol';

const SYMBOL: Symbology = {
  kind: 'fill',
  color: '#112233',
  outline_color: '#445566',
  opacity: 0.8,
  width_px: 1,
  radius_px: 4,
  dash: [],
  label_field: '',
  label_min_zoom: 12,
  height_field: '',
  class_field: '',
  legend: [],
  legend_unit: '',
};

const DRAWING: Drawing = {
  prefix: 'product/p/0/a',
  layerId: 'a',
  symbol: SYMBOL,
  opacity: 1,
  mode: '2d',
  dark: false,
  geometryType: 'Polygon',
  minZoom: null,
  maxZoom: null,
  floorsField: null,
  baseField: null,
  phaseField: null,
  overviewed: false,
  nameSource: null,
};

const BREAKS: Symbology = {
  ...SYMBOL,
  class_field: 'pop',
  legend: [
    { label_zh: '少', color: '#aaaaaa', max: 10 },
    { label_zh: '中', color: '#bbbbbb', min: 10, max: 20 },
    { label_zh: '多', color: '#cccccc', min: 20 },
  ],
};

const CLASSES: Symbology = {
  ...SYMBOL,
  class_field: 'use',
  legend: [
    { label_zh: '住宅', color: '#010101', value: '住宅' },
    { label_zh: '商业', color: '#020202', value: '商业' },
  ],
};

/** What MapLibre would paint for a feature with these properties. */
function evaluate(value: unknown, properties: Record<string, unknown>): unknown {
  if (typeof value === 'string') return value;
  const made = expression.createExpression(value, 'layers[0].paint');
  if (made.result === 'error') throw new Error(made.value.map((error) => error.message).join());
  return made.value.evaluate({ zoom: 14 }, { type: 'Polygon', properties } as never, {});
}

const colorOf = (symbol: Symbology, properties: Record<string, unknown>) => evaluate(classColor(symbol), properties);

function problems(drawing: Drawing): string[] {
  const { shapes, labels } = draw(drawing);
  const style = { version: 8 as const, sources: { 'layer:a': { type: 'vector' as const, tiles: ['http://x/{z}/{x}/{y}'] } }, layers: [...shapes, ...labels] };
  return validateStyleMin({ ...style, glyphs: 'http://x/{fontstack}/{range}' }).map((error) => error.message);
}

describe('class colours', () => {
  it('uses the one colour without a class field', () => {
    expect(classColor(SYMBOL)).toBe('#112233');
  });
  it('colours numbers by half-open breaks', () => {
    expect([9.9, 10, 19.9, 20].map((pop) => colorOf(BREAKS, { pop }))).toEqual(['#aaaaaa', '#bbbbbb', '#bbbbbb', '#cccccc']);
  });
  it('keeps no data apart from zero', () => {
    expect(colorOf(BREAKS, { pop: 0 })).toBe('#aaaaaa');
    expect(colorOf(BREAKS, {})).toBe(NO_DATA);
  });
  it('colours categories, and the rest by the plain colour', () => {
    expect(['住宅', '商业', '其他'].map((use) => colorOf(CLASSES, { use }))).toEqual(['#010101', '#020202', '#112233']);
  });
  it('compares numbers in a class field as text', () => {
    const symbol = { ...CLASSES, legend: [{ label_zh: '三百', color: '#030303', value: '300' }] };
    expect(colorOf(symbol, { use: 300 })).toBe('#030303');
  });
  it('takes the entry without value or bounds for what no other entry names', () => {
    const rest = { label_zh: '其他', color: '#999999' };
    expect(colorOf({ ...CLASSES, legend: [...CLASSES.legend, rest] }, { use: '?' })).toBe('#999999');
    expect(colorOf({ ...BREAKS, legend: [...BREAKS.legend, rest] }, {})).toBe('#999999');
  });
  it('survives a value named twice in a legend', () => {
    const twice = { ...CLASSES, legend: [...CLASSES.legend, { label_zh: '又', color: '#040404', value: '住宅' }] };
    expect(colorOf(twice, { use: '住宅' })).toBe('#040404');
  });
});

describe('layers of a symbol', () => {
  const kinds = ['fill', 'line', 'circle', 'extrusion'] as const;
  const cases = kinds.flatMap((kind) => (['2d', '3d'] as const).flatMap((mode) => [null, 'phase'].map((phaseField) => ({ kind, mode, phaseField }))));
  it.each(cases)('is a valid style: $kind $mode $phaseField', ({ kind, mode, phaseField }) => {
    for (const symbol of [SYMBOL, BREAKS, CLASSES]) {
      const full = { ...symbol, kind, label_field: 'name', height_field: 'h', dash: [4, 2] };
      expect(problems({ ...DRAWING, symbol: full, mode, phaseField, floorsField: 'n', baseField: 'b', minZoom: 3, maxZoom: 18 })).toEqual([]);
    }
  });
  it('raises blocks in 3D only', () => {
    const block = { ...SYMBOL, kind: 'extrusion' as const };
    const types = (mode: Drawing['mode']) => draw({ ...DRAWING, symbol: block, mode }).shapes.map((layer) => layer.type);
    expect(types('2d')).toEqual(['fill', 'line']);
    expect(types('3d')).toEqual(['fill-extrusion']);
  });
  it('draws plans translucent blue and what is gone as an outline', () => {
    const { shapes } = draw({ ...DRAWING, symbol: { ...SYMBOL, kind: 'extrusion' }, mode: '3d', phaseField: '阶段' });
    expect(shapes.map((layer) => layer.id)).toEqual(['product/p/0/a/outline', 'product/p/0/a/block', 'product/p/0/a/planned']);
    const filters = shapes.map((layer) => evaluateFilter((layer as { filter?: unknown }).filter));
    expect(filters).toEqual([
      { built: false, planned: false, demolished: true },
      { built: true, planned: false, demolished: false },
      { built: false, planned: true, demolished: false },
    ]);
  });
  it('falls back from height to storeys to six metres', () => {
    const { shapes } = draw({ ...DRAWING, symbol: { ...SYMBOL, kind: 'extrusion', height_field: 'h' }, mode: '3d', floorsField: 'n' });
    const height = (shapes[0]?.paint as Record<string, unknown>)['fill-extrusion-height'];
    expect([{ h: 40, n: 2 }, { n: 5 }, {}].map((properties) => evaluate(height, properties))).toEqual([40, 15, 6]);
  });
  it('labels from the zoom the symbol asks for', () => {
    const { labels } = draw({ ...DRAWING, symbol: { ...SYMBOL, label_field: 'name', label_min_zoom: 15 } });
    expect(labels.map((layer) => layer.minzoom)).toEqual([15]);
  });
  it('lets clusters grow with their count and writes the count on them', () => {
    const clusters: Drawing = { ...DRAWING, symbol: { ...SYMBOL, kind: 'circle' }, overviewed: true };
    const drawn = draw(clusters);
    const size = (drawn.shapes[0]?.paint as Record<string, unknown>)['circle-radius'];
    const radius = (properties: Record<string, unknown>) => Number(evaluate(size, properties));
    expect(radius({})).toBe(radius({ count: 1 }));
    expect(radius({ count: 1000 })).toBeGreaterThan(radius({ count: 10 }));
    expect(drawn.labels.map(({ id }) => id)).toEqual([`${DRAWING.prefix}/count`]);
    expect(draw({ ...clusters, overviewed: false }).labels).toEqual([]);
    expect(problems(clusters)).toEqual([]);
  });
});

function evaluateFilter(filter: unknown): Record<string, unknown> {
  return Object.fromEntries(['built', 'planned', 'demolished'].map((phase) => [phase, evaluate(filter, { 阶段: phase })]));
}
