/** The one place that talks HTTP: every address is relative to the page, so a path prefix needs no setting. */
import type { Division, Finding, HitGroup, ImportReport, ImportRun, Item, Job, Layer, Me, Preview, Problem, Product } from './types';

export const ROOT = new URL('.', document.baseURI).href;

let csrf: string | null = null;

/** Writes with a cookie carry this token; the server gives a new one at every login. */
export function rememberCsrf(token: string | null): void {
  csrf = token;
}

/** An answer that is not 2xx, with the server's words in both languages. */
export class ApiError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
}

function problemOf(status: number, body: unknown): Problem {
  const given = typeof body === 'object' && body !== null ? (body as Partial<Problem>) : {};
  return {
    title: given.title ?? '服务没有应答',
    title_en: given.title_en ?? given.title ?? 'The server did not answer',
    status,
    detail: given.detail ?? '',
    detail_en: given.detail_en ?? given.detail ?? '',
    code: given.code ?? 'network',
    place: given.place ?? '',
    mend: given.mend ?? '',
    request_id: given.request_id ?? '',
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(ROOT + path, { credentials: 'same-origin', ...init });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError(problemOf(0, null));
  }
  const body = parse(await answer.text());
  if (!answer.ok) throw new ApiError(problemOf(answer.status, body));
  return body as T;
}

function write<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (csrf !== null) headers['X-CSRF-Token'] = csrf;
  return call<T>(path, { method: 'POST', headers, body: JSON.stringify(body ?? {}), ...(signal === undefined ? {} : { signal }) });
}

const code = encodeURIComponent;

/** Every product, page after page. */
async function allProducts(query: string): Promise<Product[]> {
  const answer = await call<{ products: Product[]; links?: { rel: string; href: string }[] }>(`products${query}`);
  const next = answer.links?.find((link) => link.rel === 'next');
  return next === undefined ? answer.products : [...answer.products, ...(await allProducts(new URL(next.href).search))];
}

export const api = {
  products: () => allProducts('?limit=500'),
  layers: () => call<{ layers: Layer[] }>('layers').then((answer) => answer.layers),
  divisions: (parent: string | null) =>
    call<{ divisions: Division[] }>(parent === null ? 'divisions' : `divisions?parent=${code(parent)}`).then((answer) => answer.divisions),
  division: (place: string) => call<Division>(`divisions/${code(place)}`),
  search: (text: string, signal: AbortSignal) =>
    call<{ groups: HitGroup[] }>(`search?limit=6&q=${code(text)}`, { signal }).then((answer) => answer.groups),
  item: (layer: string, oid: number) => call<Item>(itemPath(layer, oid)),
  baseStyle: () => call<unknown>('styles/base/style.json'),
  me: () => call<Me>('me'),
  login: (name: string, password: string) => write<Omit<Me, 'may'>>('login', { name, password }),
  logout: () => write<unknown>('logout'),
  password: (old: string, fresh: string) => write<unknown>('password', { old, new: fresh }),
  job: (id: string) => call<Job>(`jobs/${code(id)}`),
  look: (kept: string, options: object, signal: AbortSignal) => write<Preview>('imports/preview', { upload: kept, options }, signal),
  importKept: (kept: string, options: object) => write<{ job: string }>('imports', { upload: kept, options }),
  undoImport: (run: string) => write<{ job: string }>(`imports/${code(run)}/undo`),
  imports: () => call<{ imports: ImportRun[] }>('imports?limit=50').then((answer) => answer.imports),
  report: (run: string) => call<ImportReport>(`imports/${code(run)}/report`),
  findings: (run: string, rule: string) =>
    call<{ findings: Finding[] }>(`imports/${code(run)}/findings?limit=1000${rule === '' ? '' : `&rule=${code(rule)}`}`).then((answer) => answer.findings),
  cancelJob: (id: string) => write<unknown>(`jobs/${code(id)}/cancel`),
};

export function itemPath(layer: string, oid: number): string {
  return `collections/${code(layer)}/items/${oid}`;
}

export function findingsPath(run: string, suffix: 'csv' | 'geojson'): string {
  return `${ROOT}imports/${code(run)}/findings.${suffix}`;
}

/** Upload one file to be looked at or imported; XMLHttpRequest, because fetch does not tell how much has gone up. */
export function upload<T>(path: 'imports' | 'imports/preview', file: File, options: object, onProgress: (share: number) => void, signal?: AbortSignal): Promise<T> {
  const form = new FormData();
  form.append('options', JSON.stringify(options));
  form.append('file', file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', ROOT + path);
    signal?.addEventListener('abort', () => request.abort());
    if (csrf !== null) request.setRequestHeader('X-CSRF-Token', csrf);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(new ApiError(problemOf(0, null)));
    request.onload = () => {
      const body = parse(request.responseText);
      if (request.status < 300) resolve(body as T);
      else reject(new ApiError(problemOf(request.status, body)));
    };
    request.send(form);
  });
}
