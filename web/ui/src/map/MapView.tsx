/** The map itself: the style follows the state, the camera and the clicks flow back into it. */
import 'maplibre-gl/dist/maplibre-gl.css';
import { Map as ReactMap, type MapRef, type ViewStateChangeEvent } from '@vis.gl/react-maplibre';
import * as maplibregl from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { ROOT } from '../api/client';
import { wordsOf } from '../i18n';
import { setCandidates } from '../state/actions';
import { epochOf } from '../state/catalogue';
import { HOME, HOME_BOUNDS, page, type Picked } from '../state/page';
import { useStore } from '../state/store';
import { addControls } from './controls';
import { flyTo, flyToBounds, setMap } from './handle';
import { Hover } from './Hover';
import { crowdAt, identify } from './identify';
import { readNames } from './names';
import { composeStyle, namedLayers } from './style';
import { sourceOf } from './symbol';
import { useOverlay } from './useOverlay';

maplibregl.setWorkerUrl(new URL(workerUrl, import.meta.url).href);

const TILES = /\/tiles\/([^/,]+)\/\d+\//;

/** The change number rides on every tile address, so a tile kept by the browser is never an old one. */
function withEpoch(url: string): { url: string } {
  const layer = url.startsWith(ROOT) ? TILES.exec(url)?.[1] : undefined;
  return { url: layer === undefined ? url : `${url}${url.includes('?') ? '&' : '?'}v=${epochOf(decodeURIComponent(layer))}` };
}

function useScene() {
  const items = useStore(page, (state) => state.items);
  const products = useStore(page, (state) => state.products);
  const layers = useStore(page, (state) => state.layers);
  const base = useStore(page, (state) => state.base);
  const mode = useStore(page, (state) => state.mode);
  const dark = useStore(page, (state) => state.dark);
  const names = useStore(page, (state) => state.names);
  const trial = useStore(page, (state) => state.trial);
  const marks = useStore(page, (state) => state.marks);
  return useMemo(
    () => composeStyle({ items, products: products ?? [], layers, base, names, mode, dark, trial, marks }),
    [items, products, layers, base, names, mode, dark, trial, marks],
  );
}

function markPicked(map: maplibregl.Map, picked: Picked | null, before: Picked | null): void {
  const mark = ({ layer, oid }: Picked, on: boolean) => {
    if (map.getSource(sourceOf(layer)) === undefined) return;
    map.setFeatureState({ source: sourceOf(layer), sourceLayer: layer, id: oid }, { picked: on });
  };
  if (before !== null) mark(before, false);
  if (picked !== null) mark(picked, true);
}

/** The highlight survives a change of style and a 2D/3D switch, because it is set again on every style. */
function useHighlight(map: maplibregl.Map | null) {
  const picked = useStore(page, (state) => state.picked);
  useEffect(() => {
    if (map === null) return;
    const apply = () => markPicked(map, picked, null);
    apply();
    map.on('styledata', apply);
    return () => {
      map.off('styledata', apply);
      markPicked(map, null, picked);
    };
  }, [map, picked]);
}

/** When the map stands still, every area in sight gets its one name. */
function useNames(map: maplibregl.Map | null) {
  useEffect(() => {
    if (map === null) return;
    const read = () => {
      const { items, products, layers, names } = page.get();
      const found = readNames(map, namedLayers({ items, products: products ?? [], layers }));
      if (JSON.stringify(found) !== JSON.stringify(names)) page.set({ names: found });
    };
    map.on('idle', read);
    return () => void map.off('idle', read);
  }, [map]);
}

/** The thin line under the bar runs while the map waits for data. */
function useBusy(map: maplibregl.Map | null) {
  useEffect(() => {
    if (map === null) return;
    const set = (busy: boolean) => () => busy !== page.get().busy && page.set({ busy });
    const [start, end] = [set(true), set(false)];
    map.on('dataloading', start);
    map.on('idle', end);
    return () => {
      map.off('dataloading', start);
      map.off('idle', end);
    };
  }, [map]);
}

/** A click on many things drawn as one goes closer until they come apart. */
const CROWD_STEP = 2;

function click(event: maplibregl.MapMouseEvent): void {
  const touch = matchMedia('(pointer: coarse)').matches;
  const { x, y } = event.point;
  const { lng, lat } = event.lngLat;
  const found = identify(event.target, x, y, touch ? 14 : 4);
  setCandidates(found);
  if (found.length === 0 && crowdAt(event.target, x, y)) flyTo({ lng, lat, zoom: event.target.getZoom() + CROWD_STEP });
}

function rememberCamera({ viewState }: ViewStateChangeEvent): void {
  const { longitude, latitude, zoom, bearing, pitch } = viewState;
  page.set({ camera: { lng: longitude, lat: latitude, zoom, bearing, pitch } });
}

export function MapView() {
  const ref = useRef<MapRef>(null);
  const [map, setLive] = useState<maplibregl.Map | null>(null);
  const [start] = useState(() => page.get().camera);
  const lang = useStore(page, (state) => state.lang);
  const style = useScene();
  const words = wordsOf(lang);

  const ready = useCallback(() => {
    const live = ref.current?.getMap() ?? null;
    setMap(live);
    setLive(live);
    if (start === HOME) flyToBounds(HOME_BOUNDS, { instant: true });
  }, [start]);
  useEffect(() => () => setMap(null), []);
  useEffect(() => (map === null ? undefined : addControls(map, words)), [map, words]);
  useEffect(() => {
    map?.getCanvas().setAttribute('aria-label', words.map);
  }, [map, words]);
  useBusy(map);
  useNames(map);
  useHighlight(map);
  useOverlay(map);

  return (
    <>
      <ReactMap
        ref={ref}
        mapLib={maplibregl}
        initialViewState={{ longitude: start.lng, latitude: start.lat, zoom: start.zoom, bearing: start.bearing, pitch: start.pitch }}
        mapStyle={style}
        styleDiffing
        transformRequest={withEpoch}
        attributionControl={false}
        maxPitch={80}
        minZoom={3}
        fadeDuration={matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 200}
        cursor="default"
        onLoad={ready}
        onClick={click}
        onMoveEnd={rememberCamera}
      />
      {map !== null && <Hover map={map} />}
    </>
  );
}
