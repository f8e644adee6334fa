/** What a field means, whatever the file called it. */
import type { Item, Layer } from './types';

/** The name of the field that plays `role`, which is also its name in tiles and features. */
export function fieldOf(layer: Layer | undefined, role: string): string | null {
  return layer?.fields.find((field) => field.role === role)?.name ?? null;
}

/** The value of the role in a feature's properties, as text; '' when there is none. */
export function textOf(properties: Item['properties'], layer: Layer | undefined, role: string): string {
  const name = fieldOf(layer, role);
  const value = name === null ? undefined : properties[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The height above ground a thing is drawn with, in metres; 0 for what lies flat. */
export function heightOf(properties: Item['properties'], layer: Layer | undefined): number {
  const height = Number(textOf(properties, layer, 'height'));
  if (height > 0) return height;
  return 3 * (Number(textOf(properties, layer, 'floors')) || 0);
}
