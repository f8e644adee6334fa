/** A local city grid by its parameters, as importers/local_grid.py reads it. Numbers stay as they are typed; the server checks them too. */

export interface LocalGrid {
  base: string;
  dx: string;
  dy: string;
  rotation: string;
  scale: string;
  x0: string;
  y0: string;
}

export const PREFIX = 'local:';
export const NO_GRID: LocalGrid = { base: '', dx: '', dy: '', rotation: '', scale: '', x0: '', y0: '' };

const NAMES = Object.keys(NO_GRID) as (keyof LocalGrid)[];
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;
const [LEAST_SCALE, GREATEST_SCALE] = [0.5, 2];

export const isLocal = (crs: string): boolean => crs.trim().toLowerCase().startsWith(PREFIX);

export function gridText(grid: LocalGrid): string {
  const said = NAMES.filter((name) => grid[name].trim() !== '');
  return `${PREFIX} ${said.map((name) => `${name}=${grid[name].trim()}`).join('; ')}`;
}

/** What was said before; parts that have no field of their own (`name`, `ppm`) are not shown. */
export function gridOf(crs: string): LocalGrid {
  if (!isLocal(crs)) return NO_GRID;
  const parts = crs.trim().slice(PREFIX.length).split(/[;,]/).map((part) => part.split('=', 2).map((text) => text.trim()));
  const said = new Map(parts.map(([name = '', value = '']) => [name, value]));
  return Object.fromEntries(NAMES.map((name) => [name, said.get(name) ?? ''])) as unknown as LocalGrid;
}

/** Fields that are missing or are no number of theirs. The rotation is an angle in many spellings, which the server reads. */
export function badParts(grid: LocalGrid): (keyof LocalGrid)[] {
  return NAMES.filter((name) => {
    const text = grid[name].trim();
    if (text === '') return name === 'base' || name === 'dx' || name === 'dy';
    if (name === 'base' || name === 'rotation') return /[;,=]/.test(text);
    return !NUMBER.test(text) || (name === 'scale' && (Number(text) < LEAST_SCALE || Number(text) > GREATEST_SCALE));
  });
}
