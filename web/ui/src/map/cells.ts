/** Coarse cells of the server's events: level × 2^48 + row × 2^24 + column of CGCS2000Quad, and which map tiles lie on them. */
import type { Bounds } from '../api/types';

export interface TileId {
  z: number;
  x: number;
  y: number;
}

const LEVEL = 2 ** 48;
const ROW = 2 ** 24;
/** Tiles show things up to this part of their width beyond their edge. */
const BUFFER = 128 / 4096;

/** West, south, east, north in degrees; numbers stay below 2^53, but bit operators would cut them at 32 bits. */
export function cellBounds(cell: number): Bounds {
  const size = 360 / 2 ** Math.floor(cell / LEVEL);
  const west = (cell % ROW) * size - 180;
  const north = 90 - (Math.floor(cell / ROW) % ROW) * size;
  return [west, north - size, west + size, north];
}

function latitude(row: number, z: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - (2 * row) / 2 ** z))) * 180) / Math.PI;
}

export function tileBounds({ z, x, y }: TileId, buffer = BUFFER): Bounds {
  const size = 360 / 2 ** z;
  return [(x - buffer) * size - 180, latitude(y + 1 + buffer, z), (x + 1 + buffer) * size - 180, latitude(y - buffer, z)];
}

const meet = (one: Bounds, other: Bounds): boolean => one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];

/** The tiles that may show a change in these cells; null is a change anywhere. */
export function touched(tiles: TileId[], cells: number[] | null): TileId[] {
  if (cells === null) return tiles;
  const boxes = cells.map(cellBounds);
  return tiles.filter((tile) => boxes.some((box) => meet(box, tileBounds(tile))));
}

/** Both changes as one. */
export function merged(one: number[] | null | undefined, other: number[] | null): number[] | null {
  if (one === null || other === null) return null;
  return [...new Set([...(one ?? []), ...other])];
}
