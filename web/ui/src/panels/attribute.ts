/** How an object's properties are named, ordered and written. */
import type { Field, Item, Layer } from '../api/types';
import { fill, formatInstant, formatNumber, pick, type Words } from '../i18n';
import type { Language } from '../state/page';
import type { LabelOf } from './labels';

export interface Attribute {
  name: string;
  title: string;
  value: string;
  unit: string;
  key: boolean;
}

const KEY_ROLES = new Set(['height', 'floors', 'population', 'class']);
const TITLE_ROLES = new Set(['name', 'code', 'phase', 'plan', 'valid_from', 'valid_to', 'key']);
const KEYS_AT_MOST = 6;

const present = (value: unknown): boolean => value !== null && value !== undefined && value !== '';

export function write(value: unknown, type: string, lang: Language, words: Words): string {
  if (typeof value === 'boolean') return value ? words.yes : words.no;
  if (typeof value === 'number') return formatNumber(lang, value);
  if (typeof value === 'string') return type === 'date' || type === 'instant' ? formatInstant(value) : value;
  return JSON.stringify(value);
}

/** The fields in the layer's own order; what the head of the panel already shows is left out. */
export function attributesOf(item: Item, layer: Layer | undefined, lang: Language, words: Words, labelOf: LabelOf): Attribute[] {
  const fields = (layer?.fields ?? []).filter(({ role }) => role === null || !TITLE_ROLES.has(role));
  return fields
    .filter((field) => present(item.properties[field.name]))
    .map((field) => ({
      name: field.name,
      title: titleOf(field, lang, words),
      value: labelled(write(item.properties[field.name], field.type, lang, words), labelOf(field.name, item.properties[field.name])),
      unit: field.unit,
      key: field.role !== null && KEY_ROLES.has(field.role),
    }));
}

const labelled = (value: string, label: string): string => (label === '' ? value : `${label} (${value})`);

function titleOf(field: Field, lang: Language, words: Words): string {
  const fallback: Record<string, string> = { class: words.class, division: words.division };
  return pick(lang, field.title_zh, field.title_en) || (fallback[field.role ?? ''] ?? field.name);
}

/** Facts with a role come first; when there are none, the first few attributes stand in. */
export function keyFacts(all: Attribute[]): Attribute[] {
  const chosen = all.filter((attribute) => attribute.key);
  return (chosen.length > 0 ? chosen : all.filter((attribute) => attribute.value.length <= 24).slice(0, 3)).slice(0, KEYS_AT_MOST);
}

/** An interval as JSON-FG writes it: `..` is an open end. */
export function validityOf([from, to]: [string, string], words: Words): string {
  if (to === '..') return fill(words.since, { from: formatInstant(from) });
  return `${from === '..' ? '…' : formatInstant(from)} – ${formatInstant(to)}`;
}
