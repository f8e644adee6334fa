/** Shapes of what the server says of imports: a look before, a report and findings after. */
import type { Bounds, JobError } from './types';

export interface ReportExample {
  row: number;
  key: string | null;
  lon: number | null;
  lat: number | null;
  detail_zh: string;
  detail_en: string;
}

export interface ReportRule {
  rule: string;
  severity: 'repair' | 'refuse' | 'warn' | 'note';
  zh: string;
  en: string;
  count: number;
  rows?: number;
  examples: ReportExample[];
}

/** What one rule takes from the score of an import; `share` is 0–1 of the rows that were checked. */
export interface RuleQuality {
  rule: string;
  severity: ReportRule['severity'];
  count: number;
  rows: number;
  share: number;
  points: number;
}

export interface Quality {
  score: number;
  checked: number;
  rules: RuleQuality[];
}

/** The file's areas beside the divisions of the same name, in metres, by each reading. */
export interface DatumCheck {
  by: 'boundaries' | 'points' | 'earlier';
  compared: number;
  declared: string;
  offset_m: number;
  readings_m: Record<string, number>;
  fits: string;
  doubtful: boolean;
}

/** A reference system that does not fit its coordinates, and the one that was used. */
export interface CrsCheck {
  declared: string;
  used: string;
  region_zh: string;
  region_en: string;
}

export interface Finding {
  id: number;
  row: number | null;
  source_key: string | null;
  rule: string;
  severity: ReportRule['severity'];
  detail_zh: string;
  detail_en: string;
  lon: number | null;
  lat: number | null;
}

export interface ImportRun {
  id: string;
  layer_id: string;
  source: string;
  status: 'running' | 'done' | 'failed' | 'aborted';
  started: string;
  undone_by?: string | null;
}

export interface PreviewColumn {
  name: string;
  type: string;
  field: string;
  field_type: string;
  title_zh: string;
  title_en: string;
  role: string | null;
  why: '' | 'said' | 'same' | 'title' | 'role' | 'cut' | 'initials' | 'similar';
}

/** A look at a file before its import; `upload` names the kept file. */
export interface Preview {
  upload: string;
  size: number;
  name: string;
  layer: string;
  known: boolean;
  known_rows: boolean;
  format: string;
  format_zh: string;
  format_en: string;
  encoding: string;
  encoding_by: 'said' | 'file' | 'content';
  crs: string;
  datum: string;
  crs_by: 'said' | 'file' | 'assumed';
  bounds: Bounds | null;
  rows: number | null;
  read: number;
  complete: boolean;
  columns: PreviewColumn[];
  key: string;
  sample: unknown[][];
  shapes: GeoJSON.FeatureCollection;
  geometry_types: Record<string, number>;
  datum_check: DatumCheck | null;
  crs_check: CrsCheck | null;
  /** What heights count from; null where the rows read have none. */
  vertical_datum: string | null;
  findings: ReportRule[];
  refusal: (JobError & { choices: string[] }) | null;
}

export interface ImportReport {
  run: string;
  layer: string;
  source: string;
  file?: string;
  format?: string;
  /** `diff`, `append`, `replace`; `undo` took another import back. */
  mode?: string;
  undone_by?: string | null;
  dry_run?: boolean;
  quality?: Quality | null;
  datum_check?: DatumCheck | null;
  crs_check?: CrsCheck | null;
  rows_in: number;
  published: number;
  refused: number;
  repaired: number;
  added: number;
  changed: number;
  removed: number;
  unchanged: number;
  warnings: { rule: string; zh: string; en: string; count: number }[];
  rules: ReportRule[];
  crs: string;
  datum: string;
  encoding: string;
}
