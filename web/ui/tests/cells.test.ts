import { describe, expect, it } from 'vitest';
import { cellBounds, merged, tileBounds, touched } from '../src/map/cells';

/** Level-12 cell of 114.05 E, 22.54 N, as the database numbers it. */
const SHENZHEN = 12 * 2 ** 48 + 767 * 2 ** 24 + 3345;

describe('coarse cells', () => {
  it('have the bounds of CGCS2000Quad', () => {
    const [west, south, east, north] = cellBounds(SHENZHEN);
    expect(west).toBeLessThan(114.05);
    expect(east).toBeGreaterThan(114.05);
    expect(south).toBeLessThan(22.54);
    expect(north).toBeGreaterThan(22.54);
    expect(east - west).toBeCloseTo(360 / 4096, 12);
  });
  it('touch the tiles over them and no others', () => {
    const here = { z: 14, x: 13382, y: 7138 };
    const [west, south, east, north] = tileBounds(here, 0);
    expect(west < 114.05 && 114.05 < east && south < 22.54 && 22.54 < north).toBe(true);
    const tiles = [here, { z: 14, x: 13400, y: 7138 }, { z: 8, x: 209, y: 111 }, { z: 0, x: 0, y: 0 }];
    expect(touched(tiles, [SHENZHEN])).toEqual([here, tiles[2], tiles[3]]);
    expect(touched(tiles, [])).toEqual([]);
    expect(touched(tiles, null)).toEqual(tiles);
  });
  it('add up, and anywhere stays anywhere', () => {
    expect(merged(undefined, [1, 2])).toEqual([1, 2]);
    expect(merged([1, 2], [2, 3])).toEqual([1, 2, 3]);
    expect(merged([1], null)).toBeNull();
    expect(merged(null, [1])).toBeNull();
  });
});
