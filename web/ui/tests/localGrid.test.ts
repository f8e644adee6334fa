import { describe, expect, it } from 'vitest';
import { badParts, gridOf, gridText, isLocal, NO_GRID } from '../src/state/localGrid';

const WHOLE = { ...NO_GRID, base: 'EPSG:4547', dx: '484000.5', dy: '2477000.2' };

describe('a local grid', () => {
  it('is written as the server reads it', () => {
    expect(gridText({ ...WHOLE, rotation: ' 1°02′03″ ', scale: '1.000012' })).toBe(
      'local: base=EPSG:4547; dx=484000.5; dy=2477000.2; rotation=1°02′03″; scale=1.000012',
    );
  });
  it('is read back', () => {
    const grid = { ...WHOLE, scale: '0.9999', x0: '-5' };
    expect(gridOf(gridText(grid))).toEqual(grid);
    expect(gridOf('LOCAL: dx=1, dy=2, name=x')).toEqual({ ...NO_GRID, dx: '1', dy: '2' });
    expect(['EPSG:4547', ''].map(gridOf)).toEqual([NO_GRID, NO_GRID]);
  });
  it('is known by its first word', () => {
    expect(['local: dx=1', ' Local:', 'EPSG:4547', ''].map(isLocal)).toEqual([true, true, false, false]);
  });
  it('says what is missing or is no number', () => {
    expect(badParts(NO_GRID)).toEqual(['base', 'dx', 'dy']);
    expect(badParts(WHOLE)).toEqual([]);
    expect(badParts({ ...WHOLE, dx: '1,5', rotation: '1;2', scale: '3', x0: '.5', y0: '1e3' })).toEqual(['dx', 'rotation', 'scale']);
  });
});
