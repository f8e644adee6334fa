import { describe, expect, it } from 'vitest';
import { START, type Shared } from '../src/state/page';
import { isBigStep, readUrl, writeUrl } from '../src/state/url';

const FULL: Shared = {
  camera: { lng: 113.93, lat: 22.53, zoom: 15.5, bearing: -20, pitch: 55 },
  mode: '3d',
  items: [
    { kind: 'product', id: 'buildings-3d', visible: true, opacity: 0.4, off: ['roads', '示例_层'] },
    { kind: 'layer', id: '我的-地块', visible: false, opacity: 1, off: [] },
  ],
  picked: { layer: '建筑', oid: 1099511627777 },
  lang: 'en',
  dark: true,
};

describe('the URL', () => {
  it('carries the whole state there and back', () => {
    expect(readUrl(writeUrl(FULL))).toEqual(FULL);
    expect(readUrl(writeUrl(START))).toEqual(START);
  });
  it.each(['', '#', '#map=a/b/c', '#map=99/99/999/0/0&on=,,x,p.&pick=&mode=4d&lang=fr', '#%E0%A4%A', '#on=p.x.1000'])('takes anything: %s', (hash) => {
    expect(readUrl(hash)).toEqual(START);
  });
  it('counts a product, not a camera move, as a step', () => {
    const moved = { ...FULL, camera: START.camera };
    expect(isBigStep(FULL, moved)).toBe(false);
    expect(isBigStep(FULL, { ...FULL, items: [] })).toBe(true);
    expect(isBigStep(FULL, { ...FULL, picked: null })).toBe(true);
  });
});
