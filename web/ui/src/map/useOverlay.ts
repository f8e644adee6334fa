/** deck.gl is fetched only when 3D has something for it to draw; until then the page does without its megabyte. */
import type { Map as MapLibre } from 'maplibre-gl';
import { useEffect, useState } from 'react';
import { heightOf } from '../api/roles';
import { page } from '../state/page';
import { useStore } from '../state/store';
import type { Overlay } from './overlay';

export function useOverlay(map: MapLibre | null): void {
  const [overlay, setOverlay] = useState<Overlay | null>(null);
  const mode = useStore(page, (state) => state.mode);
  const item = useStore(page, (state) => state.item);
  const wanted = mode === '3d' && item !== null;

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
    overlay?.show(wanted ? item : null, height);
  }, [overlay, wanted, item]);
  useEffect(() => () => overlay?.remove(), [overlay]);
}
