/** What a person can do to the page, in one list; panels and keys call these. */
import { api, ApiError, rememberCsrf } from '../api/client';
import type { Bounds, Hit } from '../api/types';
import { flyTo, flyToBounds, tilt } from '../map/handle';
import { parts } from '../map/style';
import { loadCatalogue, loadMe } from './catalogue';
import { NOBODY, page, type Candidate, type MapItem, type Mode, type Picked } from './page';

const TILT = 55;

export function setMode(mode: Mode): void {
  if (mode === page.get().mode) return;
  page.set({ mode });
  tilt(mode === '3d' ? TILT : 0);
}

const same = (kind: MapItem['kind'], id: string) => (item: MapItem) => item.kind === kind && item.id === id;

export function isOnMap(items: MapItem[], kind: MapItem['kind'], id: string): boolean {
  return items.some(same(kind, id));
}

export function addItem(kind: MapItem['kind'], id: string): void {
  const { items, products } = page.get();
  if (isOnMap(items, kind, id)) return;
  const hidden = kind === 'product' ? (products?.find((product) => product.code === id)?.layers ?? []) : [];
  const off = hidden.filter((part) => !part.visible).map((part) => part.layer);
  page.set({ items: [{ kind, id, visible: true, opacity: 1, off }, ...items] });
  showItem({ kind, id }, true);
}

export function removeItem(kind: MapItem['kind'], id: string): void {
  page.set({ items: page.get().items.filter((item) => !same(kind, id)(item)) });
}

export function changeItem(kind: MapItem['kind'], id: string, patch: Partial<MapItem>): void {
  page.set({ items: page.get().items.map((item) => (same(kind, id)(item) ? { ...item, ...patch } : item)) });
}

export function moveItem(from: number, to: number): void {
  const { items } = page.get();
  const item = items[from];
  if (item === undefined || to < 0 || to >= items.length) return;
  page.set({ items: items.toSpliced(from, 1).toSpliced(to, 0, item) });
}

type ItemName = Pick<MapItem, 'kind' | 'id'>;

const CLOSEST_FIRST_ZOOM = 14;

/** Fly to all of an item, but close enough that its last layer begins to be drawn. */
export function showItem(item: ItemName, gently = false): void {
  const bounds = boundsOf(item);
  if (bounds === null) return;
  const { products, layers } = page.get();
  const needed = parts(item, products ?? [], layers)
    .filter((part) => part.visible)
    .map((part) => Math.max(part.min_zoom ?? 0, layers[part.layer]?.min_zoom ?? 0));
  flyToBounds(bounds, { minZoom: Math.min(CLOSEST_FIRST_ZOOM, Math.max(0, ...needed)), gently });
}

/** The box around all layers of an item. */
export function boundsOf(item: ItemName): Bounds | null {
  const { products, layers } = page.get();
  const ids = parts(item, products ?? [], layers).map((part) => part.layer);
  const boxes = ids.map((id) => layers[id]?.bounds_4490 ?? null).filter((box) => box !== null);
  if (boxes.length === 0) return null;
  const side = (at: 0 | 1 | 2 | 3, choose: (...values: number[]) => number) => choose(...boxes.map((box) => box[at]));
  return [side(0, Math.min), side(1, Math.min), side(2, Math.max), side(3, Math.max)];
}

export function setCandidates(candidates: Candidate[]): void {
  const [first] = candidates;
  page.set({ candidates });
  if (candidates.length === 1 && first !== undefined) pickObject(first);
  else if (candidates.length > 1) page.set({ picked: null, item: null, itemProblem: null, panel: 'detail', sheet: 'half' });
  else closeInspector();
}

export function pickObject({ layer, oid }: Picked): void {
  page.set({ picked: { layer, oid }, panel: 'detail', sheet: page.get().sheet === 'full' ? 'full' : 'half' });
}

export function closeInspector(): void {
  const { panel } = page.get();
  page.set({ picked: null, item: null, itemProblem: null, candidates: [], panel: panel === 'detail' ? 'map' : panel });
}

/** Read the picked object in full; a later pick wins over an earlier answer. */
export async function loadPicked(picked: Picked): Promise<void> {
  const isCurrent = () => page.get().picked?.oid === picked.oid && page.get().picked?.layer === picked.layer;
  page.set({ item: null, itemProblem: null });
  try {
    const item = await api.item(picked.layer, picked.oid);
    if (isCurrent()) page.set({ item });
  } catch (error) {
    if (error instanceof ApiError && isCurrent()) page.set({ itemProblem: error.problem });
  }
}

/** A search result: a product joins the map, a place or an object is flown to. */
export function openHit(hit: Hit): void {
  if (hit.kind === 'product') {
    addItem('product', hit.ref);
    page.set({ panel: 'map', drawerOpen: true });
    return;
  }
  if (hit.bounds !== null) flyToBounds(hit.bounds);
  else if (hit.point !== null) flyTo({ lng: hit.point[0], lat: hit.point[1], zoom: 16 });
  if (hit.kind === 'object' && hit.layer !== null && hit.oid !== null) {
    showLayer(hit.layer);
    page.set({ candidates: [] });
    pickObject({ layer: hit.layer, oid: hit.oid });
  }
}

/** An object found by search must be visible: its layer joins the map unless something already draws it. */
function showLayer(layer: string): void {
  const { items, products } = page.get();
  const drawn = items.some(
    (item) =>
      same('layer', layer)(item) ||
      (item.kind === 'product' && products?.some((product) => product.code === item.id && product.layers.some((part) => part.layer === layer))),
  );
  if (!drawn) page.set({ items: [{ kind: 'layer', id: layer, visible: true, opacity: 1, off: [] }, ...items] });
}

export async function signIn(name: string, password: string): Promise<void> {
  const answer = await api.login(name, password);
  rememberCsrf(answer.csrf);
  page.set({ me: { ...answer, may: [] } });
  await loadMe();
  await loadCatalogue();
}

export async function signOut(): Promise<void> {
  await api.logout();
  rememberCsrf(null);
  page.set({ me: NOBODY });
  await loadCatalogue();
}

export async function changePassword(old: string, fresh: string): Promise<void> {
  await api.password(old, fresh);
  await loadMe();
}

/** A dropped file: nobody imports before signing in, so that comes first and the file waits. */
export function offerFile(file: File): void {
  page.set({ file, signingIn: page.get().me.name === null });
}

export const mayImport = (may: string[]): boolean => may.includes('import');
