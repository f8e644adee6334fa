/** The URL carries the whole state, so that a link or a reload shows the same map. */
import { START, type Camera, type MapItem, type Picked, type Shared } from './page';

function finite(text: string | undefined, low: number, high: number, otherwise: number): number {
  const value = text === undefined || text === '' ? Number.NaN : Number(text);
  return Number.isFinite(value) && value >= low && value <= high ? value : otherwise;
}

const short = (value: number, digits: number) => String(Number(value.toFixed(digits)));

export function writeCamera({ zoom, lat, lng, bearing, pitch }: Camera): string {
  return [short(zoom, 2), short(lat, 5), short(lng, 5), short(bearing, 1), short(pitch, 1)].join('/');
}

function readCamera(text: string | null): Camera {
  const [zoom, lat, lng, bearing, pitch] = (text ?? '').split('/');
  const home = START.camera;
  if (text === null) return home;
  return {
    zoom: finite(zoom, 0, 24, home.zoom),
    lat: finite(lat, -85, 85, home.lat),
    lng: finite(lng, -180, 180, home.lng),
    bearing: finite(bearing, -360, 360, 0),
    pitch: finite(pitch, 0, 85, 0),
  };
}

/** `p.CODE.80h~layer~layer`: kind, id, opacity in percent, h when hidden, then the layers switched off. */
function writeItem(item: MapItem): string {
  const share = Math.round(item.opacity * 100);
  const head = `${item.kind === 'product' ? 'p' : 'l'}.${item.id}.${share}${item.visible ? '' : 'h'}`;
  return [head, ...item.off].join('~');
}

function readItem(text: string): MapItem | null {
  const [head = '', ...off] = text.split('~');
  const match = /^([pl])\.(.+)\.(\d{1,3})(h?)$/.exec(head);
  if (match === null) return null;
  const [, kind, id = '', share, hidden] = match;
  return { kind: kind === 'p' ? 'product' : 'layer', id, visible: hidden === '', opacity: Math.min(100, Number(share)) / 100, off };
}

function readPicked(text: string | null): Picked | null {
  const match = /^(.+)\/(\d{1,16})$/.exec(text ?? '');
  return match === null ? null : { layer: match[1] ?? '', oid: Number(match[2]) };
}

export function writeUrl(state: Shared): string {
  const words = new URLSearchParams();
  words.set('map', writeCamera(state.camera));
  if (state.mode === '3d') words.set('mode', '3d');
  if (state.items.length > 0) words.set('on', state.items.map(writeItem).join(','));
  if (state.picked !== null) words.set('pick', `${state.picked.layer}/${state.picked.oid}`);
  words.set('lang', state.lang);
  if (state.dark) words.set('dark', '1');
  return `#${words.toString().replaceAll('%2F', '/').replaceAll('%2C', ',').replaceAll('%7E', '~')}`;
}

/** Whatever a stranger types after `#` gives a usable state; unknown words are left out. */
export function readUrl(hash: string): Shared {
  const words = new URLSearchParams(hash.replace(/^#/, ''));
  const items = (words.get('on') ?? '').split(',').map(readItem);
  return {
    camera: readCamera(words.get('map')),
    mode: words.get('mode') === '3d' ? '3d' : '2d',
    items: items.filter((item) => item !== null),
    picked: readPicked(words.get('pick')),
    lang: words.get('lang') === 'en' ? 'en' : 'zh',
    dark: words.get('dark') === '1',
  };
}

/** Whether Back should undo the step from one state to the other; moving the map alone is not a step. */
export function isBigStep(before: Shared, after: Shared): boolean {
  const strip = (state: Shared) => writeUrl({ ...state, camera: START.camera });
  return strip(before) !== strip(after);
}
