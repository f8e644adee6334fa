/** What the element asks the server for: the product's card and its style, both public and without credentials of the page around. */
import type { StyleSpecification } from 'maplibre-gl';
import type { Problem, Product } from '../api/types';

/** The address of the server, from where this script came: a path prefix needs no setting. */
export const ROOT = new URL(/* @vite-ignore */ '..', import.meta.url).href;

/** A refusal in the server's own words. */
export class Refused extends Error {
  readonly problem: Partial<Problem>;

  constructor(problem: Partial<Problem>) {
    super(problem.code ?? 'refused');
    this.problem = problem;
  }
}

/** The server could not be reached, or answered something else. */
export class NoAnswer extends Error {}

async function read(path: string, signal: AbortSignal): Promise<unknown> {
  let answer: Response;
  let body: unknown;
  try {
    answer = await fetch(ROOT + path, { signal });
    body = await answer.json();
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new NoAnswer(path, { cause });
  }
  if (!answer.ok) throw new Refused(body as Partial<Problem>);
  return body;
}

export interface Found {
  product: Product;
  style: StyleSpecification;
  base: StyleSpecification;
}

export async function readProduct(code: string, signal: AbortSignal): Promise<Found> {
  const name = encodeURIComponent(code);
  const paths = [`products/${name}`, `styles/${name}/style.json`, 'styles/base/style.json'];
  const [product, style, base] = await Promise.all(paths.map((path) => read(path, signal)));
  return { product: product as Product, style: style as StyleSpecification, base: base as StyleSpecification };
}

/** Tiles of another moment have another address. */
export function tilesOf(moment: string | null): (url: string) => { url: string } {
  const tiles = `${ROOT}tiles/`;
  return (url) => {
    const asks = moment !== null && url.startsWith(tiles) && !url.split('?')[0]?.endsWith('.json');
    return { url: asks ? `${url}${url.includes('?') ? '&' : '?'}datetime=${encodeURIComponent(moment)}` : url };
  };
}
