/** deck.gl is fetched only when 3D has something for it to draw; until then the page does without its megabyte. */
import type { Map as MapLibre } from 'maplibre-gl';
import { useEffect, useState } from 'react';
import { api } from '../api/client';
import { heightOf } from '../api/roles';
import type { Item, Layer } from '../api/types';
import { page } from '../state/page';
import { useStore } from '../state/store';
import type { Overlay } from './overlay';
import { shownLayers } from './style';

const DEEP_FROM_ZOOM = 13;
const MOST_LINES = 1000;

function hasDepth(geometry: GeoJSON.Geometry | null): boolean {
  if (geometry === null || !('coordinates' in geometry)) return false;
  let inner: unknown = geometry.coordinates;
  while (Array.isArray(inner) && Array.isArray(inner[0])) inner = inner[0];
  return Array.isArray(inner) && inner.length > 2;
}

/** Layers whose lines turned out to lie on the ground: they are not asked again. */
const flat = new Set<string>();

async function deepItems(layer: string, bbox: string): Promise<Item[]> {
  const items = await api.itemsIn(layer, bbox, MOST_LINES).catch(() => []);
  const deep = items.filter((item) => hasDepth(item.geometry));
  if (items.length > 0 && deep.length === 0) flat.add(layer);
  return deep;
}

/** Lines whose items carry a height or depth, for the layers on the map in the box now seen. */
async function readDeep(map: MapLibre, lines: Layer[]): Promise<Item[]> {
  const bounds = map.getBounds();
  const bbox = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map((value) => value.toFixed(6)).join(',');
  const asked = lines.filter((layer) => !flat.has(layer.id));
  const answers = await Promise.all(asked.map((layer) => deepItems(layer.id, bbox)));
  return answers.flat();
}

function useDeepItems(map: MapLibre | null): Item[] {
  const [deep, setDeep] = useState<Item[]>([]);
  const mode = useStore(page, (state) => state.mode);
  const items = useStore(page, (state) => state.items);
  const products = useStore(page, (state) => state.products);
  const layers = useStore(page, (state) => state.layers);
  const camera = useStore(page, (state) => state.camera);
  useEffect(() => {
    const lines = shownLayers({ items, products: products ?? [], layers })
      .map((id) => layers[id])
      .filter((layer) => layer !== undefined && layer.geometry_type.endsWith('LineString')) as Layer[];
    let current = true;
    const show = (found: Item[]) => {
      if (current) setDeep((before) => (before.length === 0 && found.length === 0 ? before : found));
    };
    if (map === null || mode === '2d' || camera.zoom < DEEP_FROM_ZOOM || lines.length === 0) void Promise.resolve([]).then(show);
    else void readDeep(map, lines).then(show);
    return () => {
      current = false;
    };
  }, [map, mode, items, products, layers, camera]);
  return deep;
}

export function useOverlay(map: MapLibre | null): void {
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const mode = useStore(page, (state) => state.mode);
  const item = useStore(page, (state) => state.item);
  const deep = useDeepItems(map);
  const wanted = mode === '3d' && (item !== null || deep.length > 0);

  useEffect(() => {
    if (map === null || !wanted || overlay !== null) return;
    let current = true;
    void import('./overlay').then(({ Overlay: Made }) => {
      if (current) setOverlay(new Made(map));
    });
    return () => {
      current = false;
    };
  }, [map, wanted, overlay]);
  useEffect(() => {
    const { picked, layers } = page.get();
    const height = item === null || picked === null ? 0 : heightOf(item.properties, layers[picked.layer]);
    overlay?.show(wanted ? item : null, height, wanted ? deep : []);
  }, [overlay, wanted, item, deep]);
  useEffect(() => () => overlay?.remove(), [overlay]);
}
