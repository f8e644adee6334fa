/** `<yuetu-map product view lang valid-at>`: a published product on any page of any host, with nothing but this script. */
import * as maplibregl from 'maplibre-gl';
import mapCss from 'maplibre-gl/dist/maplibre-gl.css?inline';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url';
import { BadAttribute, readLanguage, readMoment, readView, type Language, type View } from './attributes';
import { compose, isMadeUp } from './compose';
import ownCss from './element.css?inline';
import { frame, type Frame } from './frame';
import { NoAnswer, readProduct, Refused, ROOT, tilesOf } from './source';
import { either, put, WORDS } from './words';

// MapLibre wraps a worker of another origin in a blob that imports it; its address must be ours, whoever shows the map.
maplibregl.setWorkerUrl(new URL(workerUrl, import.meta.url).href);

const MAX_PITCH = 80;
const BASE = 'base';

function sheet(text: string): CSSStyleSheet {
  const made = new CSSStyleSheet();
  made.replaceSync(text);
  return made;
}

const SHEETS = [sheet(mapCss), sheet(ownCss)];

interface Asked {
  code: string;
  view: View | null;
  moment: string | null;
}

const camera = ({ zoom, lat, lon, bearing, pitch }: View) => ({ center: [lon, lat] as [number, number], zoom, bearing, pitch });

export class YuetuMap extends HTMLElement {
  static readonly observedAttributes = ['product', 'view', 'lang', 'valid-at'];

  /** MapLibre's map once the product is there, for pages that want more than to show it. */
  map: maplibregl.Map | null = null;
  #frame: Frame = frame();
  #loading: AbortController | null = null;
  #asked = '';

  constructor() {
    super();
    const shadow = this.attachShadow({ mode: 'open' });
    shadow.adoptedStyleSheets = SHEETS;
    shadow.append(this.#frame.root);
  }

  connectedCallback(): void {
    this.#begin();
  }

  disconnectedCallback(): void {
    this.#end();
  }

  attributeChangedCallback(name: string, before: string | null, now: string | null): void {
    if (!this.isConnected || before === now) return;
    if (name === 'view' && this.map !== null) this.#move();
    else this.#begin();
  }

  get #language(): Language {
    return readLanguage(this.getAttribute('lang'), document.documentElement.lang);
  }

  /** Several attributes set at once are one change. */
  #begin(): void {
    this.#end();
    const loading = (this.#loading = new AbortController());
    queueMicrotask(() => {
      if (!loading.signal.aborted) void this.#load(loading.signal);
    });
  }

  #end(): void {
    this.#loading?.abort();
    this.#loading = null;
    this.map?.remove();
    this.map = null;
  }

  async #load(signal: AbortSignal): Promise<void> {
    const words = WORDS[this.#language];
    this.#frame.say(words.loading, '', true);
    try {
      await this.#show(this.#read(), signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error);
    }
  }

  #read(): Asked {
    const code = this.getAttribute('product')?.trim() ?? '';
    return { code, view: readView(this.getAttribute('view')), moment: readMoment(this.getAttribute('valid-at')) };
  }

  async #show({ code, view, moment }: Asked, signal: AbortSignal): Promise<void> {
    if (code === '') throw new BadAttribute('product', '');
    this.#asked = code;
    const { product, style, base } = await readProduct(code, signal);
    if (signal.aborted) return;
    const language = this.#language;
    const madeUp = product.synthetic || isMadeUp(base);
    this.#frame.describe({ ...product, synthetic: madeUp }, language, moment);
    this.#frame.say('');
    const map = new maplibregl.Map({
      container: this.#frame.map,
      style: code === BASE ? style : compose(style, base, (view?.pitch ?? 0) === 0),
      ...(view === null ? {} : camera(view)),
      locale: WORDS[language].controls,
      transformRequest: tilesOf(moment),
      maxPitch: MAX_PITCH,
      cooperativeGestures: matchMedia('(pointer: coarse)').matches,
      attributionControl: { compact: true },
    });
    this.map = map;
    map.addControl(new maplibregl.NavigationControl({ visualizePitch: true }), 'top-right');
    map.getCanvas().setAttribute('aria-label', WORDS[language].map);
    map.on('error', () => this.#frame.say(WORDS[language].incomplete));
    map.once('idle', () => {
      this.#frame.settle();
      this.dispatchEvent(new CustomEvent('yuetu-idle', { bubbles: true, composed: true }));
    });
  }

  #move(): void {
    try {
      const view = readView(this.getAttribute('view'));
      if (view !== null) this.map?.jumpTo(camera(view));
    } catch (error) {
      this.#end();
      this.#fail(error);
    }
  }

  /** One sentence in the reader's language, and an event for the page around. */
  #fail(error: unknown): void {
    const language = this.#language;
    this.#frame.say(...this.#told(error, language), true);
    this.dispatchEvent(new CustomEvent('yuetu-error', { bubbles: true, composed: true, detail: error }));
  }

  #told(error: unknown, language: Language): [string, string] {
    const words = WORDS[language];
    if (error instanceof BadAttribute) {
      const { attribute: name, value } = error;
      return [name === 'product' ? words.noProduct : put(words.badAttribute, { name, value }), ''];
    }
    if (error instanceof Refused) {
      const { title, title_en, detail, detail_en } = error.problem;
      return [either(language, title, title_en), `${either(language, detail, detail_en)} (${this.#asked})`];
    }
    return [error instanceof NoAnswer ? put(words.noAnswer, { host: new URL(ROOT).host }) : words.noDrawing, ''];
  }
}

if (customElements.get('yuetu-map') === undefined) customElements.define('yuetu-map', YuetuMap);
