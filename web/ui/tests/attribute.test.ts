import { describe, expect, it } from 'vitest';
import { heightOf, textOf } from '../src/api/roles';
import type { Field, Item, Layer, Product } from '../src/api/types';
import { zh } from '../src/i18n/zh';
import { plainSymbol } from '../src/map/plain';
import { attributesOf, keyFacts, validityOf } from '../src/panels/attribute';
import { labelsOf } from '../src/panels/labels';

const field = (name: string, role: string | null, more: Partial<Field> = {}): Field => ({
  name,
  title_zh: '',
  title_en: '',
  type: 'text',
  unit: '',
  role,
  in_tiles_from_zoom: 0,
  code_list: '',
  ...more,
});

const LAYER = {
  id: 'a',
  geometry_type: 'Polygon',
  fields: [
    field('名称', 'name'),
    field('bm', 'code'),
    field('gd', 'height', { title_zh: '高度', unit: 'm', type: 'number' }),
    field('jgrq', null, { title_zh: '竣工日期', type: 'date' }),
    field('zt', 'phase'),
  ],
} as unknown as Layer;

const ITEM: Item = {
  type: 'Feature',
  id: 1,
  geometry: null,
  properties: { 名称: '图书馆', bm: 'B-1', gd: 23.456, jgrq: '2020-01-02', zt: 'planned', 空: null },
};

describe('attributes', () => {
  it('names and writes them by the fields of the layer', () => {
    const all = attributesOf(ITEM, LAYER, 'zh', zh, () => '');
    expect(all.map(({ title, value, unit }) => `${title} ${value}${unit}`)).toEqual(['高度 23.46m', '竣工日期 2020-01-02']);
    expect(keyFacts(all).map(({ name }) => name)).toEqual(['gd']);
  });
  it('says what a code means when a legend does', () => {
    const products = [{ layers: [{ layer: 'a', symbol: { class_field: 'gd', legend: [{ label_zh: '高层', value: '23.456' }] } }] }] as unknown as Product[];
    const [height] = attributesOf(ITEM, LAYER, 'zh', zh, labelsOf('a', products, 'zh'));
    expect(height?.value).toBe('高层 (23.46)');
  });
  it('reads roles whatever the column is called', () => {
    expect(textOf(ITEM.properties, LAYER, 'name')).toBe('图书馆');
    expect(heightOf(ITEM.properties, LAYER)).toBeCloseTo(23.456);
  });
  it('writes intervals with open ends', () => {
    expect(validityOf(['2024-01-01T00:30:00Z', '..'], zh)).toBe('2024-01-01 08:30 起');
    expect(validityOf(['..', '2024-05-06'], zh)).toBe('… – 2024-05-06');
  });
  it('raises a layer that knows its heights', () => {
    expect(plainSymbol(LAYER)).toMatchObject({ kind: 'extrusion', height_field: 'gd', label_field: '名称' });
  });
});
