/** Colours for the dark theme. */
import type { Symbology } from '../api/types';

const PALE = 0.78;
/** Lines are thin: they have to stand out from the ground a little. */
const LINE_LIFT = 0.14;

export const isHex = (text: string): boolean => /^#[0-9a-f]{6}$/i.test(text);

interface Hsl {
  hue: number;
  saturation: number;
  lightness: number;
}

function hslOf(hex: string): Hsl {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const high = Math.max(r, g, b);
  const low = Math.min(r, g, b);
  const lightness = (high + low) / 2;
  const chroma = high - low;
  if (chroma === 0) return { hue: 0, saturation: 0, lightness };
  const turn = high === r ? ((g - b) / chroma + 6) % 6 : high === g ? (b - r) / chroma + 2 : (r - g) / chroma + 4;
  return { hue: turn * 60, saturation: chroma / (1 - Math.abs(2 * lightness - 1)), lightness };
}

/** The same hue with its lightness turned round, kept between 11 % and 62 %, plus `lift`. */
export function atNight(hex: string, lift = 0): string {
  const { hue, saturation, lightness } = hslOf(hex);
  return `hsl(${Math.round(hue)}, ${Math.round(saturation * 55)}%, ${Math.round((0.11 + (1 - lightness) * 0.51 + lift) * 100)}%)`;
}

/** A pale ground layer of one colour (water, land) goes dark with the page; colours that mean a class stay what they are. */
export function nightSymbol(symbol: Symbology): Symbology {
  const plain = symbol.class_field === '' && symbol.kind !== 'circle' && hslOf(symbol.color).lightness > PALE;
  if (!plain) return symbol;
  const lift = symbol.kind === 'line' ? LINE_LIFT : 0;
  const legend = symbol.legend.map((entry) => (isHex(entry.color) ? { ...entry, color: atNight(entry.color, lift) } : entry));
  return { ...symbol, color: atNight(symbol.color, lift), legend };
}
