import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en';
import { fill, formatInstant, formatNumber, pick } from '../src/i18n/index';
import { zh } from '../src/i18n/zh';

const places = (sentence: string) => (sentence.match(/\{\w+\}/g) ?? []).toSorted();

describe('words', () => {
  it('has the same places in both languages', () => {
    const texts = Object.entries(zh).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
    for (const [key, text] of texts) expect(places(en[key as 'name']), key).toEqual(places(text));
  });
  it('names every theme in both languages', () => {
    expect(Object.keys(en.theme)).toEqual(Object.keys(zh.theme));
  });
  it('falls back to the other language', () => {
    expect(pick('en', '道路', '')).toBe('道路');
    expect(pick('zh', null, 'Roads')).toBe('Roads');
  });
  it('fills places and leaves unknown ones', () => {
    expect(fill('{a} {b}', { a: 1 })).toBe('1 {b}');
  });
});

describe('values', () => {
  it('shows at most four significant digits of a fraction, and whole numbers in full', () => {
    expect([1720000, 12.34567, 0.0012341, 0].map((value) => formatNumber('zh', value))).toEqual(['1,720,000', '12.35', '0.001234', '0']);
  });
  it('shows Beijing time with the date', () => {
    expect(formatInstant('2024-01-01T00:30:00Z')).toBe('2024-01-01 08:30');
    expect(formatInstant('2023-12-31T16:00:00Z')).toBe('2024-01-01');
    expect(formatInstant('2024-05-06')).toBe('2024-05-06');
    expect(formatInstant('soon')).toBe('soon');
  });
});
