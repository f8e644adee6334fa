/** Products and layers as the server lists them, and what its events change. */
import { api, ApiError, rememberCsrf } from '../api/client';
import type { Layer, Product, ServerEvent } from '../api/types';
import { onTilesChanged, type Changed } from '../map/handle';
import { followJob } from './jobs';
import { NOBODY, page } from './page';

function byId(layers: Layer[]): Record<string, Layer> {
  return Object.fromEntries(layers.map((layer) => [layer.id, layer]));
}

/** Keep what has not changed, so that a refresh of the catalogue does not redraw the map. */
function kept<T>(before: T, after: T): T {
  return JSON.stringify(before) === JSON.stringify(after) ? before : after;
}

export const isBase = (product: Product): boolean => product.code === 'base';

/** The base map is read again when its card has changed. */
function baseCard(products: Product[]): string {
  const card = products.find(isBase);
  return card === undefined ? '' : JSON.stringify(card);
}

export async function loadCatalogue(): Promise<void> {
  try {
    const [products, layers] = await Promise.all([api.products(), api.layers()]);
    const before = page.get();
    // A change that came as an event has had its tiles read again already.
    const known = ({ id, epoch }: Layer): number => Math.max(before.epochs[id] ?? 0, before.layers[id]?.epoch ?? epoch);
    for (const layer of layers.filter((each) => known(each) < each.epoch)) onTilesChanged({ layer: layer.id, changed: 'all', cells: null });
    page.set({
      products: kept(before.products, products),
      layers: kept(before.layers, byId(layers)),
      catalogueProblem: null,
    });
    if (baseCard(products) !== (before.base === null ? '' : baseCard(before.products ?? []))) await loadBase();
  } catch (error) {
    if (error instanceof ApiError) page.set({ catalogueProblem: error.problem });
    else throw error;
  }
}

async function loadBase(): Promise<void> {
  try {
    page.set({ base: await api.baseStyle() });
  } catch {
    // No base map of our own yet: the quiet land stays.
  }
}

export async function loadMe(): Promise<void> {
  try {
    const me = await api.me();
    rememberCsrf(me.csrf);
    page.set({ me });
  } catch {
    rememberCsrf(null);
    page.set({ me: NOBODY });
  }
}

let timer = 0;

function reloadSoon(): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => void loadCatalogue(), 600);
}

function layerOfEvent(event: ServerEvent): string | undefined {
  const named = event.payload?.['layer'];
  if (typeof named === 'string') return named;
  return Object.values(page.get().layers).find((layer) => layer.number === event.layer)?.id;
}

/** Topics after which tiles look different. */
const CHANGED: Partial<Record<ServerEvent['topic'], Changed>> = { layer: 'rows', overview: 'overview' };

export function takeEvent(event: ServerEvent): void {
  if (event.topic === 'job') {
    const id = event.payload?.['job'] ?? event.payload?.['id'];
    if (typeof id === 'string') followJob(id);
    return;
  }
  const layer = layerOfEvent(event);
  const changed = CHANGED[event.topic];
  if (layer !== undefined && changed !== undefined) {
    page.set({ epochs: { ...page.get().epochs, [layer]: event.seq } });
    onTilesChanged({ layer, changed, cells: event.cells });
  }
  if (event.topic !== 'overview') reloadSoon();
}

/** The change number tiles of a layer are asked with. */
export function epochOf(layer: string): number {
  const { epochs, layers } = page.get();
  return Math.max(epochs[layer] ?? 0, layers[layer]?.epoch ?? 0);
}
