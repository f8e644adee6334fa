/** What a person says about a file before its import, and what is sent of it. */
import type { Field, Preview, PreviewColumn, Problem } from '../api/types';

export type Mode = 'diff' | 'append' | 'replace';

export interface Choice {
  layer: string;
  title_zh: string;
  mode: Mode;
  crs: string;
  datum: string;
  /** Which ordinate comes first in the file; empty: found by where they lie. */
  axis_order: '' | 'lon-lat' | 'lat-lon';
  vertical_datum: string;
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
  /** Column → code list, where it is not the one its field has. */
  code_lists: Record<string, string>;
}

export const NOTHING: Choice = {
  layer: '',
  title_zh: '',
  mode: 'diff',
  crs: '',
  datum: '',
  axis_order: '',
  vertical_datum: '',
  encoding: '',
  table: '',
  key: '',
  explode: false,
  topology: false,
  allow_removals: false,
  match: {},
  roles: {},
  code_lists: {},
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

/** Roles whose values may be codes of a list; of the others a list would only be in the way. */
const CODED_ROLES: readonly string[] = ['', 'class', 'phase'];

export const roleFor = (choice: Choice, column: PreviewColumn, known: Field | undefined): string =>
  known === undefined ? (choice.roles[column.name] ?? column.role ?? '') : (known.role ?? '');

export const codeListFor = (choice: Choice, { name }: PreviewColumn, known: Field | undefined): string => choice.code_lists[name] ?? known?.code_list ?? '';

/** Only text is told by a list, and a list that was chosen is always shown. */
export function mayBeCoded(choice: Choice, column: PreviewColumn, known: Field | undefined): boolean {
  if (fieldFor(choice, column) === '') return false;
  if (codeListFor(choice, column, known) !== '') return true;
  return (known?.type ?? column.type) === 'text' && CODED_ROLES.includes(roleFor(choice, column, known));
}

/** The lists with this column's said, or unsaid where its field has that list anyway. */
export function withCodeList({ code_lists }: Choice, { name }: PreviewColumn, known: Field | undefined, list: string): Record<string, string> {
  return list === (known?.code_list ?? '') ? without(code_lists, name) : { ...code_lists, [name]: list };
}

export const without = (values: Record<string, string>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter(([each]) => each !== name));

/** Whether anything differs from what the wizard began with, so that closing it would lose it. */
export function isFilled(choice: Choice, fileName: string): boolean {
  const { title_zh, ...rest } = choice;
  const { title_zh: own, ...begun } = begin(fileName);
  return (title_zh !== '' && title_zh !== own) || JSON.stringify(rest) !== JSON.stringify(begun);
}

/** What is said of a file before anybody says anything. */
export const begin = (fileName: string): Choice => ({ ...NOTHING, layer: idOf(fileName), title_zh: stemOf(fileName) });

/** Only what was said or suggested is sent; a column that keeps its own name needs no word. */
function matchOf(choice: Choice, preview: Preview | null): Record<string, string> {
  const suggested = (preview?.columns ?? []).filter((column) => column.why !== '' && column.field !== '' && column.field !== column.name);
  return { ...Object.fromEntries(suggested.map((column) => [column.name, column.field])), ...choice.match };
}

/** What is said of columns, one entry for each. A column that is left out has no field that anything could be said of. */
function fieldsOf({ roles, code_lists, match }: Choice): Record<string, string>[] {
  const names = [...new Set([...Object.keys(roles), ...Object.keys(code_lists)])].filter((name) => match[name] !== '');
  return names.map((name) => ({
    name,
    ...(roles[name] === undefined ? {} : { role: roles[name] }),
    ...(code_lists[name] === undefined ? {} : { code_list: code_lists[name] }),
  }));
}

export function optionsOf(choice: Choice, preview: Preview | null): Record<string, unknown> {
  const { mode, title_zh, layer, crs, datum, axis_order, vertical_datum, encoding, table, key, explode, topology, allow_removals } = choice;
  const rest = { crs, datum, axis_order, vertical_datum, encoding, table, key, explode, topology, allow_removals };
  const match = matchOf(choice, preview);
  const fields = fieldsOf(choice);
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
  const { crs, datum, axis_order, vertical_datum, encoding, table, explode, match, layer } = choice;
  const said = Object.entries({ crs, datum, axis_order, vertical_datum, encoding, table, layer: isLayerId(layer) ? layer : '' }).filter(([, value]) => value !== '');
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
