/** What the page remembers: the part the URL carries (Shared) and the part it does not. */
import type { ImportReport, Item, Job, Layer, Me, Product, Problem } from '../api/types';
import type { Names } from '../map/names';
import { Store } from './store';

export interface Camera {
  lng: number;
  lat: number;
  zoom: number;
  bearing: number;
  pitch: number;
}

export type Mode = '2d' | '3d';
export type Language = 'zh' | 'en';

/** One row of “On the map”: a product, or a bare layer. The first row is drawn on top. */
export interface MapItem {
  kind: 'product' | 'layer';
  id: string;
  visible: boolean;
  opacity: number;
  /** Layers of the product whose eye is closed. */
  off: string[];
}

export interface Picked {
  layer: string;
  oid: number;
}

export interface Shared {
  camera: Camera;
  mode: Mode;
  items: MapItem[];
  picked: Picked | null;
  lang: Language;
  dark: boolean;
}

/** A thing under the last click. */
export interface Candidate extends Picked {
  title: string;
}

export interface TrackedJob {
  id: string;
  title: string;
  startedAt: number;
  job: Job | null;
  problem: Problem | null;
}

export type Panel = 'products' | 'map' | 'detail';
export type SheetHeight = 'low' | 'half' | 'full';

export interface Page extends Shared {
  products: Product[] | null;
  layers: Record<string, Layer>;
  catalogueProblem: Problem | null;
  /** Change number of a layer by id, newer than the catalogue's when an event said so. */
  epochs: Record<string, number>;
  base: unknown;
  /** One name for each large area in sight, by layer. */
  names: Record<string, Names>;
  me: Me;
  candidates: Candidate[];
  item: Item | null;
  itemProblem: Problem | null;
  busy: boolean;
  panel: Panel;
  drawerOpen: boolean;
  sheet: SheetHeight;
  signingIn: boolean;
  file: File | null;
  jobs: TrackedJob[];
  /** Shapes of a file that is being looked at, and findings of a report that is open. */
  trial: GeoJSON.FeatureCollection | null;
  marks: GeoJSON.FeatureCollection | null;
  report: ImportReport | null;
  /** Whether the list of past imports is open. */
  history: boolean;
}

export const NOBODY: Me = { name: null, role: null, must_change: false, csrf: null, may: [] };

/** Guangdong as a whole: west, south, east, north. */
export const HOME_BOUNDS: [number, number, number, number] = [109.6, 20.2, 117.4, 25.6];

/** Where a page without a place in its URL begins, before the map knows how wide it is. */
export const HOME: Camera = { lng: 113.4, lat: 22.9, zoom: 6.6, bearing: 0, pitch: 0 };

export const START: Shared = { camera: HOME, mode: '2d', items: [], picked: null, lang: 'zh', dark: false };

export const page = new Store<Page>({
  ...START,
  products: null,
  layers: {},
  catalogueProblem: null,
  epochs: {},
  base: null,
  names: {},
  me: NOBODY,
  candidates: [],
  item: null,
  itemProblem: null,
  busy: false,
  panel: 'products',
  drawerOpen: true,
  sheet: 'low',
  signingIn: false,
  file: null,
  jobs: [],
  trial: null,
  marks: null,
  report: null,
  history: false,
});
