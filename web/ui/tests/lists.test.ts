import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { en } from '../src/i18n/en';
import { zh } from '../src/i18n/zh';
import { CODE_LISTS, VERTICAL_DATUMS } from '../src/state/lists';

const twin = resolve(import.meta.dirname, '../../../twin');

describe('lists', () => {
  it('has every code list of the server, named in both languages', () => {
    const files = readdirSync(resolve(twin, 'codes')).flatMap((name) => (name.endsWith('.csv') ? [name.slice(0, -4)] : []));
    expect([...CODE_LISTS].toSorted()).toEqual(files.toSorted());
    for (const words of [zh, en]) expect(Object.keys(words.codeLists).toSorted()).toEqual(files.toSorted());
  });
  it('has every height datum of the server', () => {
    const told = readFileSync(resolve(twin, 'heights.py'), 'utf8').matchAll(/^ {4}VerticalDatum\("([^"]+)", "([^"]+)"/gm);
    expect(VERTICAL_DATUMS).toEqual([...told].map((found) => [found[1], found[2]]));
  });
});
