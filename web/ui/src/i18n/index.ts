import { page, type Language } from '../state/page';
import { useStore } from '../state/store';
import { en } from './en';
import { zh, type Words } from './zh';

const WORDS: Record<Language, Words> = { zh, en };

export type { Words };

export function wordsOf(lang: Language): Words {
  return WORDS[lang];
}

export function useWords(): Words {
  return WORDS[useLanguage()];
}

export function useLanguage(): Language {
  return useStore(page, (state) => state.lang);
}

/** Put values into `{places}` of a sentence. */
export function fill(sentence: string, values: Record<string, string | number>): string {
  return sentence.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole));
}

/** The title in the asked language, or the other one when it is missing. */
export function pick(lang: Language, zhText: string | null | undefined, enText: string | null | undefined): string {
  const [first, second] = lang === 'en' ? [enText, zhText] : [zhText, enText];
  return first !== undefined && first !== null && first !== '' ? first : (second ?? '');
}

export function titleOf(lang: Language, thing: { title_zh: string; title_en?: string }): string {
  return pick(lang, thing.title_zh, thing.title_en);
}

const FORMATS: Record<Language, Intl.NumberFormat> = {
  zh: new Intl.NumberFormat('zh-CN', { maximumFractionDigits: 6 }),
  en: new Intl.NumberFormat('en-GB', { maximumFractionDigits: 6 }),
};

/** Whole numbers in full, fractions with at most four significant digits. */
export function formatNumber(lang: Language, value: number): string {
  const shown = Number.isInteger(value) ? value : Number(value.toPrecision(Math.abs(value) >= 1000 ? 6 : 4));
  return FORMATS[lang].format(shown);
}

/** Beijing time with the date; midnight is shown as the day alone. */
export function formatInstant(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return text;
  const instant = new Date(text);
  if (Number.isNaN(instant.getTime())) return text;
  const shown = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'short' }).format(instant);
  return shown.endsWith(' 00:00') ? shown.slice(0, 10) : shown;
}
