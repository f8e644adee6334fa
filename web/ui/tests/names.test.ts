import { describe, expect, it } from 'vitest';
import { anchor, nameFeatures } from '../src/map/names';

type Ring = [number, number][];

const box = (west: number, south: number, size: number): Ring => [
  [west, south],
  [west + size, south],
  [west + size, south + size],
  [west, south + size],
  [west, south],
];
const piece = (id: number, ...rings: Ring[]): GeoJSON.Feature => ({
  type: 'Feature',
  id,
  geometry: { type: 'Polygon', coordinates: rings },
  properties: { name: `n${id}` },
});
const everywhere = () => true;

describe('names of areas', () => {
  it('lie in the middle of a plain area', () => {
    expect(anchor([box(10, 20, 2)])).toEqual([11, 21]);
  });
  it('lie inside a horseshoe and beside a hole', () => {
    const horseshoe: Ring = [[0, 0], [10, 0], [10, 10], [7, 10], [7, 2], [2, 2], [2, 10], [0, 10], [0, 0]];
    const [x = 0] = anchor([horseshoe]) ?? [];
    expect(x < 2 || x > 7).toBe(true);
    const [besideHole = 0] = anchor([box(0, 0, 10), box(3, 3, 4)]) ?? [];
    expect(besideHole < 3 || besideHole > 7).toBe(true);
  });
  it('are given once for each thing, on its largest piece in sight', () => {
    const pieces = [piece(1, box(0, 0, 1)), piece(1, box(1, 0, 4)), piece(1, box(100, 0, 9)), piece(2, box(20, 20, 1))];
    const names = nameFeatures(pieces, ([x]) => x < 50);
    expect(names.features.map(({ geometry, properties }) => [String(properties?.['name']), geometry.coordinates])).toEqual([
      ['n1', [3, 2]],
      ['n2', [20.5, 20.5]],
    ]);
  });
  it('are none for what has no area', () => {
    expect(anchor([])).toBeNull();
    expect(nameFeatures([{ type: 'Feature', id: 1, geometry: { type: 'Point', coordinates: [0, 0] }, properties: {} }], everywhere).features).toEqual([]);
  });
});
