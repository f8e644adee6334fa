/** Administrative divisions, asked for once each; a twin without them is not asked again. */
import { api, ApiError } from '../api/client';
import type { Division } from '../api/types';
import { pick } from '../i18n';
import type { Language } from '../state/page';

let roots: Promise<Division[]> | null = null;
const found = new Map<string, Promise<Division | null>>();

function quiet<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof ApiError) return otherwise;
    throw error;
  };
}

function readRoots(): Promise<Division[]> {
  roots ??= api.divisions(null).catch(quiet<Division[]>([]));
  return roots;
}

/** The divisions below a parent; of the only province when there is just one root and no parent is named. */
export async function childrenOf(parent: string | null): Promise<Division[]> {
  if (parent !== null) return api.divisions(parent).catch(quiet<Division[]>([]));
  const top = await readRoots();
  const [only] = top;
  return top.length === 1 && only !== undefined ? childrenOf(only.code) : top;
}

async function read(code: string): Promise<Division | null> {
  const top = await readRoots();
  return top.find((division) => division.code === code) ?? (top.length === 0 ? null : api.division(code).catch(quiet(null)));
}

/** The name of a division with its code; null when nobody knows it. */
export async function divisionName(code: string, lang: Language): Promise<string | null> {
  const asked = found.get(code) ?? read(code);
  found.set(code, asked);
  const division = await asked;
  return division === null ? null : `${pick(lang, division.name_zh, division.name_en)} ${code}`;
}
