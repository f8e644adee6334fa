/** Drawn over everything: the shapes of a file before its import, and the places of what a report found. */
import type { LayerSpecification, SourceSpecification } from 'maplibre-gl';

const AMBER = '#D9660A';
const SEVERITY = ['match', ['get', 'severity'], 'refuse', '#C8373C', 'warn', AMBER, 'repair', '#1456A0', '#5A626D'];

export interface OnTop {
  sources: Record<string, SourceSpecification>;
  layers: LayerSpecification[];
}

const TRIAL = [
  { id: 'trial/fill', type: 'fill', source: 'trial', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': AMBER, 'fill-opacity': 0.14 } },
  { id: 'trial/halo', type: 'line', source: 'trial', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': '#ffffff', 'line-width': 4, 'line-opacity': 0.7 } },
  { id: 'trial/line', type: 'line', source: 'trial', filter: ['!=', ['geometry-type'], 'Point'], paint: { 'line-color': AMBER, 'line-width': 1.8 } },
  {
    id: 'trial/point',
    type: 'circle',
    source: 'trial',
    filter: ['==', ['geometry-type'], 'Point'],
    paint: { 'circle-color': AMBER, 'circle-radius': 4.5, 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 1.2 },
  },
] as LayerSpecification[];

const MARKS = [
  {
    id: 'marks/point',
    type: 'circle',
    source: 'marks',
    paint: { 'circle-color': SEVERITY, 'circle-radius': 6, 'circle-opacity': 0.85, 'circle-stroke-color': '#ffffff', 'circle-stroke-width': 1.5 },
  },
] as LayerSpecification[];

export function onTop(trial: GeoJSON.FeatureCollection | null, marks: GeoJSON.FeatureCollection | null): OnTop {
  const drawn = [
    ['trial', trial, TRIAL],
    ['marks', marks, MARKS],
  ] as const;
  const shown = drawn.filter(([, data]) => data !== null && data.features.length > 0);
  return {
    sources: Object.fromEntries(shown.map(([id, data]) => [id, { type: 'geojson', data: data as GeoJSON.FeatureCollection }])),
    layers: shown.flatMap(([, , layers]) => layers),
  };
}
