import { describe, expect, it } from 'vitest';
import type { Preview, PreviewColumn } from '../src/api/types';
import { onTop } from '../src/map/trial';
import { doubledFields, idOf, isLayerId, isPlain, NOTHING, optionsOf, type Choice } from '../src/state/choice';

const CHOICE: Choice = { ...NOTHING, layer: 'a', title_zh: '甲' };

function column(name: string, field = name, why: PreviewColumn['why'] = ''): PreviewColumn {
  return { name, type: 'text', field, field_type: 'text', title_zh: '', title_en: '', role: null, why };
}

function preview(over: Partial<Preview> = {}): Preview {
  const nothing = { crs_check: null, datum_check: null, refusal: null, bounds: null, rows: 1, sample: [], findings: [], geometry_types: {} };
  return { columns: [], shapes: { type: 'FeatureCollection', features: [] }, ...nothing, ...over } as unknown as Preview;
}

describe('names', () => {
  it('makes a layer id of a file name', () => {
    expect(['Nanshan buildings.v2.geojson.gz', '各区边界.zip', '2024.csv', '楼(1).shp'].map(idOf)).toEqual(['nanshan-buildings-v2', '各区边界', 'layer', '楼-1']);
  });
  it('knows what a layer id may be', () => {
    expect(['楼', 'a-1', '1a', '', 'a b', '楼'.repeat(17)].map(isLayerId)).toEqual([true, true, false, false, false, false]);
  });
});

describe('options', () => {
  it('says only what was said', () => {
    expect(optionsOf(CHOICE, preview({ columns: [column('x')] }))).toEqual({ layer: 'a', title_zh: '甲' });
  });
  it('sends suggestions, and what was chosen instead of them', () => {
    const seen = preview({ columns: [column('BUILDING_H', 'building_height', 'cut'), column('MC', 'name', 'role'), column('code', 'code', 'same')] });
    const sent = optionsOf({ ...CHOICE, match: { MC: '' }, mode: 'append', datum: 'GCJ-02', roles: { x: 'code' } }, seen);
    expect(sent).toEqual({
      layer: 'a',
      title_zh: '甲',
      mode: 'append',
      datum: 'GCJ-02',
      match: { BUILDING_H: 'building_height', MC: '' },
      fields: [{ name: 'x', role: 'code' }],
    });
  });
  it('finds two columns for one field', () => {
    const seen = preview({ columns: [column('a'), column('b'), column('c')] });
    expect(doubledFields({ ...CHOICE, match: { b: 'a', c: '' } }, seen)).toEqual(['a']);
    expect(doubledFields(CHOICE, seen)).toEqual([]);
  });
});

describe('a plain file', () => {
  const state = { problem: null, choice: CHOICE };
  it('needs one click', () => {
    expect(isPlain({ ...state, preview: preview() })).toBe(true);
  });
  it('is one without a doubt', () => {
    const check = { by: 'boundaries' as const, compared: 1, declared: 'CGCS2000', offset_m: 500, readings_m: {}, fits: 'GCJ-02', doubtful: true };
    expect(isPlain({ ...state, preview: null })).toBe(false);
    expect(isPlain({ ...state, preview: preview({ datum_check: check }) })).toBe(false);
    expect(isPlain({ ...state, preview: preview({ columns: [column('a'), column('b', 'a', 'title')] }) })).toBe(false);
    expect(isPlain({ ...state, choice: { ...CHOICE, layer: '1' }, preview: preview() })).toBe(false);
  });
});

describe('on top of the map', () => {
  it('is nothing without shapes', () => {
    expect(onTop(null, { type: 'FeatureCollection', features: [] })).toEqual({ sources: {}, layers: [] });
  });
  it('is what is being looked at', () => {
    const point: GeoJSON.Feature = { type: 'Feature', geometry: { type: 'Point', coordinates: [113, 23] }, properties: {} };
    const drawn = onTop({ type: 'FeatureCollection', features: [point] }, null);
    expect(Object.keys(drawn.sources)).toEqual(['trial']);
    expect(drawn.layers.every((layer) => 'source' in layer && layer.source === 'trial')).toBe(true);
  });
});
