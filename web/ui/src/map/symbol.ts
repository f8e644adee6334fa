/** A product's symbol turned into MapLibre layers; legend and map read the same colours. */
import type {
  CircleLayerSpecification,
  DataDrivenPropertyValueSpecification,
  ExpressionSpecification,
  FillExtrusionLayerSpecification,
  FillLayerSpecification,
  FilterSpecification,
  LineLayerSpecification,
  SymbolLayerSpecification,
} from 'maplibre-gl';
import type { Symbology } from '../api/types';
import type { Mode } from '../state/page';

export const NO_DATA = '#B9BEC6';
export const PLANNED = '#4C8FD0';
export const PICKED = '#F2A20C';
const DEMOLISHED = '#7A7F87';
const DEFAULT_HEIGHT_M = 6;
const STOREY_M = 3;
/** A cluster of ten is this much wider than one point, of a hundred twice that. */
const CLUSTER_PX = 3.5;
/** Below it, names along roads would lie across the blocks. */
const LINE_LABELS_3D_ZOOM = 16;
const FONTS = ['Noto Sans SC', 'Microsoft YaHei', 'sans-serif'];

type DrawnLayer =
  | FillLayerSpecification
  | LineLayerSpecification
  | CircleLayerSpecification
  | FillExtrusionLayerSpecification
  | SymbolLayerSpecification;

type Color = DataDrivenPropertyValueSpecification<string>;

/** Everything the drawing of one layer of one product depends on. */
export interface Drawing {
  prefix: string;
  layerId: string;
  symbol: Symbology;
  opacity: number;
  mode: Mode;
  dark: boolean;
  /** Geometry class of the layer, so that line labels run along lines. */
  geometryType: string;
  minZoom: number | null;
  maxZoom: number | null;
  floorsField: string | null;
  baseField: string | null;
  /** The source of one name per area; null where the tiles' own names do. */
  nameSource: string | null;
  /** Tells planned and demolished objects apart; null where the layer does not. */
  phaseField: string | null;
  /** Low zooms come from an overview: points as clusters with a count. */
  overviewed: boolean;
}

export interface Drawn {
  shapes: DrawnLayer[];
  labels: DrawnLayer[];
}

export const sourceOf = (layerId: string): string => `layer:${layerId}`;

const picked = (yes: unknown, no: unknown): ExpressionSpecification =>
  ['case', ['boolean', ['feature-state', 'picked'], false], yes, no] as ExpressionSpecification;

const isPhase = (field: string, phase: string): ExpressionSpecification => ['==', ['get', field], phase];

const isFact = (field: string): FilterSpecification => ['!', ['in', ['coalesce', ['get', field], 'built'], ['literal', ['planned', 'demolished']]]];

/** The entry without value or bounds stands for whatever no other entry names. */
function otherColor({ legend }: Symbology): string | null {
  return legend.find(({ value, min, max }) => (value ?? min ?? max ?? null) === null)?.color ?? null;
}

export const noData = (symbol: Symbology): string => otherColor(symbol) ?? NO_DATA;

function categoryColor(symbol: Symbology): Color {
  const pairs = new Map<string, string>();
  for (const { value, color } of symbol.legend) {
    if (value !== null && value !== undefined) pairs.set(value, color);
  }
  if (pairs.size === 0) return symbol.color;
  const text = ['to-string', ['get', symbol.class_field]];
  return ['match', text, ...[...pairs].flat(), otherColor(symbol) ?? symbol.color] as unknown as Color;
}

function breakColor(symbol: Symbology): Color {
  const value = ['to-number', ['get', symbol.class_field], 0];
  const arms = symbol.legend.flatMap(({ min, max, color }) => {
    const tests: unknown[] = [];
    if (min !== null && min !== undefined) tests.push(['>=', value, min]);
    if (max !== null && max !== undefined) tests.push(['<', value, max]);
    return tests.length === 0 ? [] : [['all', ...tests], color];
  });
  return ['case', ['!', ['has', symbol.class_field]], noData(symbol), ...arms, noData(symbol)] as unknown as Color;
}

export function isBroken(symbol: Symbology): boolean {
  return symbol.legend.some(({ min, max }) => (min ?? null) !== null || (max ?? null) !== null);
}

/** The colour of a feature by its class, without the highlight. */
export function classColor(symbol: Symbology): Color {
  if (symbol.class_field === '' || symbol.legend.length === 0) return symbol.color;
  return isBroken(symbol) ? breakColor(symbol) : categoryColor(symbol);
}

function common(drawing: Drawing, part: string) {
  return {
    id: `${drawing.prefix}/${part}`,
    source: sourceOf(drawing.layerId),
    'source-layer': drawing.layerId,
    ...(drawing.minZoom === null ? {} : { minzoom: drawing.minZoom }),
    ...(drawing.maxZoom === null || drawing.maxZoom >= 24 ? {} : { maxzoom: drawing.maxZoom }),
  };
}

function outline(drawing: Drawing, color: Color, width: number, filter: FilterSpecification | null = null): LineLayerSpecification {
  return {
    ...common(drawing, 'outline'),
    type: 'line',
    ...(filter === null ? {} : { filter }),
    layout: { 'line-join': 'round' },
    paint: {
      'line-color': picked(PICKED, color),
      'line-width': picked(Math.max(3, width + 1.5), width),
      'line-opacity': drawing.opacity,
    },
  };
}

/** Phases by colour in 2D: a fact keeps its class colour, a plan is translucent blue, what is gone has no fill. */
function phasedFill(symbol: Symbology, field: string): { color: Color; opacity: DataDrivenPropertyValueSpecification<number>; line: Color } {
  return {
    color: ['case', isPhase(field, 'planned'), PLANNED, classColor(symbol)] as unknown as Color,
    opacity: ['case', isPhase(field, 'demolished'), 0, isPhase(field, 'planned'), 0.35, symbol.opacity] as ExpressionSpecification,
    line: ['case', isPhase(field, 'planned'), PLANNED, isPhase(field, 'demolished'), DEMOLISHED, symbol.outline_color ?? '#8B919B'] as unknown as Color,
  };
}

function fill(drawing: Drawing): DrawnLayer[] {
  const { symbol, opacity, phaseField } = drawing;
  const plain = { color: classColor(symbol), opacity: symbol.opacity, line: symbol.outline_color ?? symbol.color };
  const look = phaseField === null ? plain : phasedFill(symbol, phaseField);
  const shape: FillLayerSpecification = {
    ...common(drawing, 'fill'),
    type: 'fill',
    paint: {
      'fill-color': picked(PICKED, look.color),
      'fill-opacity': picked(0.35, scaled(look.opacity, opacity)),
      'fill-antialias': true,
    },
  };
  const bare = symbol.outline_color === null && symbol.kind === 'fill' && phaseField === null;
  const edge = symbol.kind === 'fill' ? symbol.width_px : 0.6;
  return [shape, outline(drawing, look.line, bare ? 0 : edge)];
}

function scaled(value: DataDrivenPropertyValueSpecification<number>, by: number): DataDrivenPropertyValueSpecification<number> {
  return typeof value === 'number' ? value * by : (['*', value, by] as ExpressionSpecification);
}

function line(drawing: Drawing): DrawnLayer[] {
  const { symbol, opacity } = drawing;
  const width = ['interpolate', ['linear'], ['zoom'], 8, picked(4, symbol.width_px * 0.6), 16, picked(symbol.width_px + 4, symbol.width_px * 1.4)];
  return [
    {
      ...common(drawing, 'line'),
      type: 'line',
      layout: { 'line-join': 'round', 'line-cap': symbol.dash.length > 0 ? 'butt' : 'round' },
      paint: {
        'line-color': picked(PICKED, classColor(symbol)),
        'line-width': width as unknown as DataDrivenPropertyValueSpecification<number>,
        'line-opacity': symbol.opacity * opacity,
        ...(symbol.dash.length > 0 ? { 'line-dasharray': symbol.dash } : {}),
      },
    },
  ];
}

/** How many things a feature of a low zoom stands for. */
const COUNT = ['to-number', ['get', 'count'], 1];

/** A cluster grows with the logarithm of its count; a point of its own stays as it is. */
const clustered = (radius: number): unknown => ['+', radius, ['*', CLUSTER_PX, ['log10', ['max', 1, COUNT]]]];

function circle(drawing: Drawing): DrawnLayer[] {
  const { symbol, opacity } = drawing;
  const radius = symbol.radius_px;
  const size = ['interpolate', ['linear'], ['zoom'], 8, picked(radius + 3, clustered(radius * 0.5)), 14, picked(radius + 4, clustered(radius))];
  return [
    {
      ...common(drawing, 'circle'),
      type: 'circle',
      paint: {
        'circle-color': picked(PICKED, classColor(symbol)),
        'circle-radius': size as unknown as DataDrivenPropertyValueSpecification<number>,
        'circle-opacity': symbol.opacity * opacity,
        'circle-stroke-color': symbol.outline_color ?? '#FFFFFF',
        'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 10, 0, 13, 1.2],
        'circle-stroke-opacity': opacity,
        'circle-pitch-alignment': 'viewport',
      },
    },
  ];
}

function heightOf(drawing: Drawing): ExpressionSpecification {
  const arms: unknown[] = [];
  const { height_field: height } = drawing.symbol;
  if (height !== '') arms.push(['has', height], ['to-number', ['get', height], DEFAULT_HEIGHT_M]);
  const floors = drawing.floorsField;
  if (floors !== null) arms.push(['has', floors], ['*', STOREY_M, ['to-number', ['get', floors], 2]]);
  return (arms.length === 0 ? ['literal', DEFAULT_HEIGHT_M] : ['case', ...arms, DEFAULT_HEIGHT_M]) as unknown as ExpressionSpecification;
}

function block(drawing: Drawing, part: string, color: Color, opacity: number, filter: FilterSpecification | null): FillExtrusionLayerSpecification {
  return {
    ...common(drawing, part),
    type: 'fill-extrusion',
    ...(filter === null ? {} : { filter }),
    paint: {
      'fill-extrusion-color': picked(PICKED, color),
      'fill-extrusion-height': heightOf(drawing),
      ...(drawing.baseField === null ? {} : { 'fill-extrusion-base': ['to-number', ['get', drawing.baseField], 0] as ExpressionSpecification }),
      'fill-extrusion-opacity': opacity * drawing.opacity,
      'fill-extrusion-vertical-gradient': true,
    },
  };
}

function extrusion(drawing: Drawing): DrawnLayer[] {
  const { symbol, phaseField } = drawing;
  if (phaseField === null) return [block(drawing, 'block', classColor(symbol), symbol.opacity, null)];
  return [
    outline(drawing, DEMOLISHED, 1.2, isPhase(phaseField, 'demolished')),
    block(drawing, 'block', classColor(symbol), symbol.opacity, isFact(phaseField)),
    block(drawing, 'planned', PLANNED, 0.4, isPhase(phaseField, 'planned')),
  ];
}

function label(drawing: Drawing): DrawnLayer[] {
  const { symbol, dark, opacity } = drawing;
  if (symbol.label_field === '') return [];
  const alongLine = drawing.geometryType.endsWith('LineString');
  return [
    {
      ...(drawing.nameSource === null ? common(drawing, 'label') : { id: `${drawing.prefix}/label`, source: drawing.nameSource }),
      minzoom: Math.max(symbol.label_min_zoom, drawing.minZoom ?? 0, alongLine && drawing.mode === '3d' ? LINE_LABELS_3D_ZOOM : 0),
      type: 'symbol',
      layout: {
        'text-field': ['to-string', ['coalesce', ['get', symbol.label_field], '']],
        'text-font': FONTS,
        'text-size': 12,
        'text-max-width': 8,
        'text-padding': 6,
        ...(alongLine ? { 'symbol-placement': 'line' as const } : {}),
        ...(symbol.kind === 'circle' ? { 'text-anchor': 'top' as const, 'text-offset': [0, 0.7] as [number, number] } : {}),
      },
      paint: {
        'text-color': dark ? '#E6E9EE' : '#2B3038',
        'text-halo-color': dark ? '#14181E' : '#FFFFFF',
        'text-halo-width': 1.2,
        'text-opacity': opacity === 0 ? 0 : 1,
      },
    },
  ];
}

const SHAPES: Record<Symbology['kind'], (drawing: Drawing) => DrawnLayer[]> = {
  fill,
  line,
  circle,
  extrusion: (drawing) => (drawing.mode === '3d' ? extrusion(drawing) : fill(drawing)),
};

/** The number on a cluster. */
function counts(drawing: Drawing): DrawnLayer[] {
  if (drawing.symbol.kind !== 'circle' || !drawing.overviewed) return [];
  return [
    {
      ...common(drawing, 'count'),
      type: 'symbol',
      filter: ['>', COUNT, 1] as unknown as FilterSpecification,
      layout: { 'text-field': ['number-format', COUNT, {}] as ExpressionSpecification, 'text-font': FONTS, 'text-size': 11, 'text-padding': 1 },
      paint: { 'text-color': '#1F242B', 'text-halo-color': '#FFFFFF', 'text-halo-width': 1.4, 'text-opacity': drawing.opacity === 0 ? 0 : 1 },
    },
  ];
}

/** MapLibre layers of one symbol, bottom first; labels apart, because they go above every shape. */
export function draw(drawing: Drawing): Drawn {
  return { shapes: SHAPES[drawing.symbol.kind](drawing), labels: [...counts(drawing), ...label(drawing)] };
}
