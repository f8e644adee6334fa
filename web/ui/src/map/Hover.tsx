/** Hover answers “what is this” in one line. */
import type { Map as MapLibre, MapMouseEvent } from 'maplibre-gl';
import { useEffect, useState } from 'react';
import { titleOf, useLanguage } from '../i18n';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { identify } from './identify';

interface Tip {
  x: number;
  y: number;
  layer: string;
  title: string;
}

function useTip(map: MapLibre): Tip | null {
  const [tip, setTip] = useState<Tip | null>(null);
  useEffect(() => {
    if (!matchMedia('(hover: hover)').matches) return;
    let frame = 0;
    const look = ({ point }: MapMouseEvent) => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(() => {
        const first = map.isMoving() ? undefined : identify(map, point.x, point.y)[0];
        map.getCanvas().style.cursor = first === undefined ? '' : 'pointer';
        setTip(first === undefined ? null : { x: point.x, y: point.y, layer: first.layer, title: first.title });
      });
    };
    const hide = () => {
      cancelAnimationFrame(frame);
      setTip(null);
    };
    map.on('mousemove', look);
    map.on('mouseout', hide);
    map.on('movestart', hide);
    return () => {
      hide();
      map.off('mousemove', look);
      map.off('mouseout', hide);
      map.off('movestart', hide);
    };
  }, [map]);
  return tip;
}

export function Hover({ map }: { map: MapLibre }) {
  const tip = useTip(map);
  const lang = useLanguage();
  const layers = useStore(page, (state) => state.layers);
  if (tip === null) return null;
  const layer = layers[tip.layer];
  const kind = layer === undefined ? tip.layer : titleOf(lang, layer);
  return (
    <div className="tip" style={{ transform: `translate(${tip.x + 14}px, ${tip.y + 14}px)` }} aria-hidden>
      {tip.title !== '' && <b>{tip.title}</b>}
      <span>{kind}</span>
    </div>
  );
}
