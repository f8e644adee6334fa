import { describe, expect, it } from 'vitest';
import type { Field, Preview, PreviewColumn } from '../src/api/types';
import { onTop } from '../src/map/trial';
import { begin, codeListFor, doubledFields, idOf, isFilled, isLayerId, isPlain, lookOptions, mayBeCoded, NOTHING, optionsOf, withCodeList, type Choice } from '../src/state/choice';

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

describe('places and heights', () => {
  const said: Choice = { ...CHOICE, axis_order: 'lat-lon', vertical_datum: 'EGM96' };
  it('are sent with the look and with the import', () => {
    expect(optionsOf(said, preview())).toEqual({ layer: 'a', title_zh: '甲', axis_order: 'lat-lon', vertical_datum: 'EGM96' });
    expect(lookOptions(said)).toEqual({ layer: 'a', axis_order: 'lat-lon', vertical_datum: 'EGM96' });
  });
});

describe('code lists', () => {
  const known = { type: 'text', role: 'class', code_list: 'land_use' } as Field;
  it('go to the same entry as the role, and to none for a column that is left out', () => {
    const choice = { ...CHOICE, roles: { a: 'class', b: '' }, code_lists: { a: 'phases', c: 'themes', d: 'statuses' }, match: { d: '' } };
    expect(optionsOf(choice, preview())['fields']).toEqual([
      { name: 'a', role: 'class', code_list: 'phases' },
      { name: 'b', role: '' },
      { name: 'c', code_list: 'themes' },
    ]);
  });
  it('are for text that may be a code', () => {
    const may = (given: Partial<PreviewColumn>, field?: Field, choice = CHOICE) => mayBeCoded(choice, { ...column('a'), ...given }, field);
    expect([may({}), may({ role: 'class' }), may({ role: 'name' }), may({ type: 'number' })]).toEqual([true, true, false, false]);
    expect([may({ type: 'integer' }, known), may({}, undefined, { ...CHOICE, match: { a: '' } })]).toEqual([true, false]);
    expect(may({ role: 'name' }, undefined, { ...CHOICE, code_lists: { a: 'themes' } })).toBe(true);
  });
  it('of a field that has one are said only where they differ', () => {
    const other = withCodeList(CHOICE, column('a'), known, '');
    expect(other).toEqual({ a: '' });
    expect(withCodeList({ ...CHOICE, code_lists: other }, column('a'), known, 'land_use')).toEqual({});
    expect([codeListFor(CHOICE, column('a'), known), codeListFor({ ...CHOICE, code_lists: other }, column('a'), known)]).toEqual(['land_use', '']);
  });
});

describe('leaving', () => {
  it('loses nothing before anything was said, or when a known layer took its own title back', () => {
    const begun = begin('地块.geojson');
    expect([isFilled(begun, '地块.geojson'), isFilled({ ...begun, title_zh: '' }, '地块.geojson')]).toEqual([false, false]);
  });
  it('loses what was said', () => {
    const changes: Partial<Choice>[] = [{ title_zh: '乙' }, { layer: 'b' }, { crs: 'EPSG:4547' }, { match: { a: 'b' } }, { topology: true }];
    expect(changes.map((patch) => isFilled({ ...begin('a.csv'), ...patch }, 'a.csv'))).toEqual(changes.map(() => true));
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
