/** A symbol for a layer no product has styled yet: chosen by geometry and height, the colour by its id. */
import { fieldOf } from '../api/roles';
import type { Layer, Symbology, SymbolKind } from '../api/types';

/** Nine categories that stay apart for colour-blind readers. */
export const PALETTE = ['#1456A0', '#C8553D', '#2B8C6B', '#8A5FB0', '#B07D12', '#3C8DA8', '#A23B72', '#5B7A2A', '#6B6F76'] as const;

function hash(text: string): number {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  return sum;
}

function kindOf(layer: Layer): SymbolKind {
  if (layer.geometry_type.endsWith('Point')) return 'circle';
  if (layer.geometry_type.endsWith('LineString')) return 'line';
  return fieldOf(layer, 'height') === null && fieldOf(layer, 'floors') === null ? 'fill' : 'extrusion';
}

export function plainSymbol(layer: Layer): Symbology {
  const kind = kindOf(layer);
  const color = kind === 'extrusion' ? '#D9DCE1' : (PALETTE[hash(layer.id) % PALETTE.length] ?? PALETTE[0]);
  return {
    kind,
    color,
    outline_color: kind === 'fill' ? color : null,
    opacity: { fill: 0.35, line: 0.9, circle: 0.85, extrusion: 0.92 }[kind],
    width_px: kind === 'line' ? 1.6 : 1,
    radius_px: 4.5,
    dash: [],
    label_field: fieldOf(layer, 'name') ?? '',
    label_min_zoom: kind === 'fill' ? 12 : 15,
    height_field: fieldOf(layer, 'height') ?? '',
    class_field: '',
    legend: [],
    legend_unit: '',
  };
}
