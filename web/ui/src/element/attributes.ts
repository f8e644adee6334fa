/** What the attributes of the tag say; a value that cannot be read is an error to show, never a guess. */

export type Language = 'zh' | 'en';

export interface View {
  zoom: number;
  lat: number;
  lon: number;
  bearing: number;
  pitch: number;
}

/** An attribute that cannot be read, by its name. */
export class BadAttribute extends Error {
  readonly attribute: string;
  readonly value: string;

  constructor(attribute: string, value: string) {
    super(`${attribute}="${value}"`);
    this.attribute = attribute;
    this.value = value;
  }
}

const BOUNDS: readonly [number, number][] = [
  [0, 24],
  [-85, 85],
  [-180, 180],
  [-360, 360],
  [0, 80],
];
const LEAST_NUMBERS = 3;

/** `zoom/lat/lon[/bearing[/pitch]]` as in the address of the map page; null: where the product is. */
export function readView(text: string | null): View | null {
  if (text === null || text.trim() === '') return null;
  const parts = text.split('/').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const good = parts.length >= LEAST_NUMBERS && parts.length <= BOUNDS.length;
  if (!good || !parts.every((value, index) => value >= (BOUNDS[index]?.[0] ?? 0) && value <= (BOUNDS[index]?.[1] ?? 0))) {
    throw new BadAttribute('view', text);
  }
  const [zoom = 0, lat = 0, lon = 0, bearing = 0, pitch = 0] = parts;
  return { zoom, lat, lon, bearing, pitch };
}

const MOMENT = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2}))?$/;

/** A day or an instant with its offset, as the tiles' `datetime` takes it; null: now. */
export function readMoment(text: string | null): string | null {
  if (text === null || text.trim() === '') return null;
  if (!MOMENT.test(text) || Number.isNaN(Date.parse(text))) throw new BadAttribute('valid-at', text);
  return text;
}

/** `zh` or `en`; without a word, that of the page around. */
export function readLanguage(text: string | null, around: string): Language {
  return (text ?? around).toLowerCase().startsWith('en') ? 'en' : 'zh';
}
