/** Zoom, compass and place on the right edge; the true scale bar bottom right. */
import { GeolocateControl, NavigationControl, ScaleControl, type IControl, type Map as MapLibre } from 'maplibre-gl';
import type { Words } from '../i18n';

function controls(): [IControl, 'right' | 'bottom-right' | 'top-right'][] {
  const list: [IControl, 'bottom-right' | 'top-right'][] = [[new NavigationControl({ visualizePitch: true, showZoom: true }), 'top-right']];
  if ('geolocation' in navigator && window.isSecureContext) {
    list.push([new GeolocateControl({ positionOptions: { enableHighAccuracy: true }, trackUserLocation: false }), 'top-right']);
  }
  list.push([new ScaleControl({ maxWidth: 110, unit: 'metric' }), 'bottom-right']);
  return list;
}

/** Put the controls on; they are made anew when the language changes, because they read their words once. */
export function addControls(map: MapLibre, words: Words): () => void {
  Object.assign(map._locale, words.mapControls);
  const added = controls();
  for (const [control, corner] of added) map.addControl(control, corner as 'top-right');
  return () => {
    for (const [control] of added) if (map.hasControl(control)) map.removeControl(control);
  };
}
