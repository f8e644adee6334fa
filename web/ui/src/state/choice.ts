/** What a person says about a file before its import, and what is sent of it. */
import type { Preview, Problem } from '../api/types';

export type Mode = 'diff' | 'append' | 'replace';

export interface Choice {
  layer: string;
  title_zh: string;
  mode: Mode;
  crs: string;
  datum: string;
  encoding: string;
  table: string;
  key: string;
  explode: boolean;
  topology: boolean;
  allow_removals: boolean;
  /** Column → field; an empty field leaves the column out. */
  match: Record<string, string>;
  /** Column → role, where it is not the one found by its name. */
  roles: Record<string, string>;
}

export const NOTHING: Choice = {
  layer: '',
  title_zh: '',
  mode: 'diff',
  crs: '',
  datum: '',
  encoding: '',
  table: '',
  key: '',
  explode: false,
  topology: false,
  allow_removals: false,
  match: {},
  roles: {},
};

const ID = /^[\p{L}][\p{L}\p{N}_-]*$/u;
const MAX_ID_BYTES = 48;

export const isLayerId = (text: string): boolean => ID.test(text) && new TextEncoder().encode(text).length <= MAX_ID_BYTES;

export const stemOf = (fileName: string): string => fileName.replace(/\.(gz|zip)$/i, '').replace(/(?<=.)\.[^.]+$/, '');

/** `Nanshan buildings.v2.geojson.gz` gives `nanshan-buildings-v2`. */
export function idOf(fileName: string): string {
  const stem = fileName.replace(/\.(gz|zip)$/i, '').replace(/\.[^.]+$/, '').toLowerCase();
  const clean = stem.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^[^\p{L}]+/u, '').replace(/-+$/, '');
  return clean === '' ? 'layer' : clean.slice(0, 40);
}

/** The field a column goes to: as said, else as the server found by name. */
export const fieldFor = (choice: Choice, { name, field }: { name: string; field: string }): string => choice.match[name] ?? field;

/** Only what was said or suggested is sent; a column that keeps its own name needs no word. */
function matchOf(choice: Choice, preview: Preview | null): Record<string, string> {
  const suggested = (preview?.columns ?? []).filter((column) => column.why !== '' && column.field !== '' && column.field !== column.name);
  return { ...Object.fromEntries(suggested.map((column) => [column.name, column.field])), ...choice.match };
}

export function optionsOf(choice: Choice, preview: Preview | null): Record<string, unknown> {
  const { roles, mode, title_zh, layer, crs, datum, encoding, table, key, explode, topology, allow_removals } = choice;
  const rest = { crs, datum, encoding, table, key, explode, topology, allow_removals };
  const match = matchOf(choice, preview);
  const fields = Object.entries(roles).map(([name, role]) => ({ name, role }));
  const kept = Object.entries(rest).filter(([, value]) => value !== '' && value !== false);
  return {
    ...Object.fromEntries(kept),
    layer,
    ...(title_zh === '' ? {} : { title_zh }),
    ...(mode === 'diff' ? {} : { mode }),
    ...(Object.keys(match).length === 0 ? {} : { match }),
    ...(fields.length === 0 ? {} : { fields }),
  };
}

/** Options that decide how a file is looked at; a bad layer id is not one of them, it is told beside its field. */
export function lookOptions(choice: Choice): Record<string, unknown> {
  const { crs, datum, encoding, table, explode, match, layer } = choice;
  const said = Object.entries({ crs, datum, encoding, table, layer: isLayerId(layer) ? layer : '' }).filter(([, value]) => value !== '');
  return { ...Object.fromEntries(said), ...(explode ? { explode } : {}), ...(Object.keys(match).length === 0 ? {} : { match }) };
}

/** Fields that two columns would fill. */
export function doubledFields(choice: Choice, preview: Preview | null): string[] {
  const fields = (preview?.columns ?? []).map((column) => fieldFor(choice, column)).filter((field) => field !== '');
  return [...new Set(fields.filter((field, at) => fields.indexOf(field) !== at))];
}

/** Whether the import may begin: the file can be read as chosen, or only the look at it took too long or was not possible now. */
export function mayStart({ preview, problem, choice }: { preview: Preview | null; problem: Partial<Problem> | null; choice: Choice }): boolean {
  if (!isLayerId(choice.layer) || doubledFields(choice, preview).length > 0) return false;
  if (problem === null) return preview !== null;
  return problem.code === 'too-large' || (problem.status ?? 0) >= 500;
}

/** Nothing asks to be looked at before the import. */
export function isPlain({ preview, problem, choice }: { preview: Preview | null; problem: unknown; choice: Choice }): boolean {
  if (preview === null || problem !== null || preview.refusal !== null || !isLayerId(choice.layer)) return false;
  return preview.datum_check?.doubtful !== true && preview.crs_check === null && doubledFields(choice, preview).length === 0;
}
