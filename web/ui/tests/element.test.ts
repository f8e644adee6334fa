import type { StyleSpecification } from 'maplibre-gl';
import { describe, expect, it } from 'vitest';
import { BadAttribute, readLanguage, readMoment, readView } from '../src/element/attributes';
import { compose, isMadeUp } from '../src/element/compose';
import { put } from '../src/element/words';

describe('the attributes of <yuetu-map>', () => {
  it('reads a view as the page writes it', () => {
    expect(readView(null)).toBeNull();
    expect(readView('12.5/23.1/113.3')).toEqual({ zoom: 12.5, lat: 23.1, lon: 113.3, bearing: 0, pitch: 0 });
    expect(readView('16/22.5/113.9/-20/55')).toEqual({ zoom: 16, lat: 22.5, lon: 113.9, bearing: -20, pitch: 55 });
  });

  it.each(['12', '12/23', '12/91/113', 'a/23/113', '12//113', '25/23/113', '12/23/113/0/90', '1/2/3/4/5/6'])('refuses the view %s', (text) => {
    expect(() => readView(text)).toThrow(BadAttribute);
  });

  it('reads days and instants with an offset only', () => {
    expect(readMoment('2026-01-01')).toBe('2026-01-01');
    expect(readMoment('2026-01-01T00:00:00+08:00')).toBe('2026-01-01T00:00:00+08:00');
    expect(readMoment(' ')).toBeNull();
    for (const text of ['yesterday', '2026-13-01', '2026-01-01T00:00:00', '2026']) expect(() => readMoment(text)).toThrow(BadAttribute);
  });

  it('takes the language of the tag, then of the page', () => {
    expect([readLanguage(null, 'en-GB'), readLanguage('zh', 'en'), readLanguage(null, ''), readLanguage('EN', 'zh-CN')]).toEqual(['en', 'zh', 'zh', 'en']);
    expect(put('{name}: {value}', { name: 'view', value: '<b>' })).toBe('view: <b>');
  });
});

const tiles = (id: string) => ({ [id]: { type: 'vector', url: `http://h/${id}.json` } }) as StyleSpecification['sources'];
const BASE = {
  version: 8,
  metadata: { 'twin:synthetic': true },
  sprite: 'http://h/sprites/icons',
  sources: tiles('twin-0'),
  layers: [
    { id: 'background', type: 'background' },
    { id: 'blocks', type: 'fill-extrusion', source: 'twin-0', 'source-layer': 'buildings' },
    { id: 'water', type: 'fill', source: 'twin-0', 'source-layer': 'water' },
    { id: 'names', type: 'symbol', source: 'twin-0', 'source-layer': 'roads' },
  ],
} as StyleSpecification;
const PRODUCT = {
  version: 8,
  center: [113, 23],
  sources: tiles('twin-0'),
  layers: [
    { id: 'background', type: 'background' },
    { id: 'mine', type: 'fill-extrusion', source: 'twin-0', 'source-layer': 'buildings' },
    { id: 'mine:label', type: 'symbol', source: 'twin-0', 'source-layer': 'buildings' },
  ],
} as StyleSpecification;

describe('a product over the base map', () => {
  it('keeps the order of ground, product and names, and no source in the place of another', () => {
    const made = compose(PRODUCT, BASE, false);
    expect(made.layers.map(({ id }) => id)).toEqual(['base/background', 'base/water', 'mine', 'base/names', 'mine:label']);
    expect(Object.keys(made.sources)).toEqual(['base/twin-0', 'twin-0']);
    expect([made.sprite, made.center]).toEqual([BASE.sprite, PRODUCT.center]);
    expect([isMadeUp(BASE), isMadeUp(PRODUCT)]).toEqual([true, false]);
  });

  it('stands on bare ground where there is no base map', () => {
    const bare = { version: 8, sources: {}, layers: [] } as StyleSpecification;
    expect(compose(PRODUCT, bare, true).layers.map(({ id }) => id)).toEqual(['base/land', 'mine', 'mine:label']);
  });
});
