/** Shapes of the server's answers, as twin/layer.py, twin/product.py and the HTTP contract write them. */

export type Bounds = [number, number, number, number];

export interface Field {
  name: string;
  title_zh: string;
  title_en: string;
  type: string;
  unit: string;
  role: string | null;
  in_tiles_from_zoom: number | null;
  code_list: string;
}

export interface Layer {
  number: number;
  id: string;
  title_zh: string;
  title_en: string;
  description_zh: string;
  geometry_type: string;
  fields: Field[];
  bounds_4490: Bounds | null;
  count: number;
  epoch: number;
  min_zoom: number;
  max_zoom: number;
  /** What tiles are read from; an overview follows the rows a moment later. */
  tile_source: 'live' | 'twin' | 'overview';
  access: string;
  synthetic: boolean;
  attribution: string;
  licence: string;
  accuracy_note_zh: string;
  vertical_datum: string;
  updated_at: string | null;
}

export interface LegendEntry {
  label_zh: string;
  label_en?: string;
  color: string;
  value?: string | null;
  min?: number | null;
  max?: number | null;
}

export type SymbolKind = 'fill' | 'line' | 'circle' | 'extrusion';

export interface Symbology {
  kind: SymbolKind;
  color: string;
  outline_color: string | null;
  opacity: number;
  width_px: number;
  radius_px: number;
  dash: number[];
  label_field: string;
  label_min_zoom: number;
  height_field: string;
  class_field: string;
  legend: LegendEntry[];
  legend_unit: string;
}

export interface ProductLayer {
  layer: string;
  symbol: Symbology;
  min_zoom: number | null;
  max_zoom: number | null;
  visible: boolean;
}

export interface Product {
  code: string;
  title_zh: string;
  title_en: string;
  description_zh: string;
  description_en: string;
  theme: string;
  division: string;
  scale: string;
  owner: string;
  updated_on: string | null;
  update_cycle: string;
  sharing: string;
  review_number: string;
  version: number;
  layers: ProductLayer[];
  synthetic: boolean;
  keywords: string[];
  endpoints?: Record<string, string | string[] | null>;
}

export interface Division {
  code: string;
  name_zh: string;
  name_en?: string;
  level: number;
  bounds: Bounds | null;
  has_children: boolean;
}

export interface Hit {
  title: string;
  subtitle: string;
  code: string;
  kind: 'coordinate' | 'division' | 'product' | 'object';
  ref: string;
  layer: string | null;
  oid: number | null;
  point: [number, number] | null;
  bounds: Bounds | null;
}

export interface HitGroup {
  kind: string;
  title_zh: string;
  title_en: string;
  hits: Hit[];
}

export interface Me {
  name: string | null;
  role: string | null;
  must_change: boolean;
  csrf: string | null;
  may: string[];
}

export type * from './importing';

export type JobStatus = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface Job {
  id: string;
  kind: string;
  args: Record<string, unknown>;
  status: JobStatus;
  done: number;
  total: number | null;
  step_zh: string;
  step_en: string;
  result: unknown;
  error: JobError | null;
  created_at: string;
}

export interface JobError {
  code: string;
  title_zh: string;
  title_en: string;
  detail_zh: string;
  detail_en: string;
  place: string;
  mend: string;
}

/** RFC 9457 problem, as web/errors.py writes it. */
export interface Problem {
  title: string;
  title_en: string;
  status: number;
  detail: string;
  detail_en: string;
  code: string;
  place: string;
  mend: string;
  request_id: string;
}

export interface ServerEvent {
  seq: number;
  topic: 'layer' | 'overview' | 'catalogue' | 'product' | 'job';
  layer: number | null;
  /** Coarse cells that changed; null is the whole layer. */
  cells: number[] | null;
  payload: Record<string, unknown> | null;
}

/** A feature as /collections answers it; `time` is when it holds in the real world. */
export type Item = GeoJSON.Feature<GeoJSON.Geometry | null, Record<string, unknown>> & {
  time?: { interval: [string, string] };
};
