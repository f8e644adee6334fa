/** The quiet corners: where the pointer is, and what must be said about the data shown. */
import { useEffect, useMemo, useState } from 'react';
import { useWords } from '../i18n';
import { liveMap } from '../map/handle';
import type { Layer } from '../api/types';
import { shownLayers } from '../map/style';
import { isBase } from '../state/catalogue';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { writeCoordinates } from './coordinates';
import { SyntheticMark, UnreviewedMark } from './Marks';
import { useCopy } from './useCopy';

function usePointer(): { lng: number; lat: number } | null {
  const [at, setAt] = useState<{ lng: number; lat: number } | null>(null);
  const camera = useStore(page, (state) => state.camera);
  useEffect(() => {
    const map = liveMap();
    if (map === null) return;
    const move = ({ lngLat }: { lngLat: { lng: number; lat: number } }) => setAt({ lng: lngLat.lng, lat: lngLat.lat });
    map.on('mousemove', move);
    return () => void map.off('mousemove', move);
  }, [camera]);
  return at;
}

function Coordinates() {
  const words = useWords();
  const copy = useCopy();
  const camera = useStore(page, (state) => state.camera);
  const pointer = usePointer() ?? camera;
  const text = writeCoordinates(pointer.lng, pointer.lat);
  return (
    <button type="button" className="coordinates" title={words.coordinates} onClick={() => copy(`${pointer.lng.toFixed(6)},${pointer.lat.toFixed(6)}`)}>
      <span>CGCS2000</span> {text}
    </button>
  );
}

/** The base map's layers that this zoom draws: what holds for them must be said too. */
function useBaseLayers(): (Layer | undefined)[] {
  const base = useStore(page, (state) => state.products)?.find(isBase);
  const layers = useStore(page, (state) => state.layers);
  const zoom = useStore(page, (state) => state.camera.zoom);
  return (base?.layers ?? []).filter((part) => zoom >= (layers[part.layer]?.min_zoom ?? 0)).map((part) => layers[part.layer]);
}

function Marks() {
  const words = useWords();
  const ground = useBaseLayers();
  const items = useStore(page, (state) => state.items);
  const products = useStore(page, (state) => state.products);
  const layers = useStore(page, (state) => state.layers);
  const shown = useMemo(
    () => shownLayers({ items, products: products ?? [], layers }).map((id) => layers[id]),
    [items, products, layers],
  );
  const onMap = (products ?? []).filter((product) => items.some((item) => item.visible && item.kind === 'product' && item.id === product.code));
  const unreviewed = onMap.length < items.filter((item) => item.visible).length || onMap.some((product) => product.review_number === '未送审');
  const numbers = [...new Set(onMap.map((product) => product.review_number).filter((number) => number !== '未送审'))];
  const said = [...shown, ...ground];
  const credits = [...new Set(said.flatMap((layer) => [layer?.attribution ?? '', layer?.accuracy_note_zh ?? '']).filter((credit) => credit !== ''))];
  if (said.length === 0) return null;
  return (
    <section className="marks" aria-label={words.attribution}>
      {said.some((layer) => layer?.synthetic) && <SyntheticMark />}
      {(unreviewed || ground.length > 0) && <UnreviewedMark />}
      {numbers.length > 0 && <span>{numbers.join(' · ')}</span>}
      {credits.length > 0 && <span className="credits">{credits.join(' · ')}</span>}
    </section>
  );
}

export function Corners({ phone }: { phone: boolean }) {
  return (
    <footer>
      <Marks />
      {!phone && <Coordinates />}
    </footer>
  );
}
