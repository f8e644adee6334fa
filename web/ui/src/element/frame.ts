/** What lies around the map in the shadow of the tag: title and marks, legend, and a note when something is wrong. */
import type { Product } from '../api/types';
import type { Language } from './attributes';
import { legendOf } from './legend';
import { either, put, WORDS } from './words';

const NARROW_PX = 480;
const UNREVIEWED = '未送审';

export interface Frame {
  root: HTMLElement;
  map: HTMLElement;
  /** Title, marks and legend of the product. */
  describe: (product: Product, language: Language, moment: string | null) => void;
  /** Say something over the map: `whole` instead of it, else along its lower edge; nothing takes it away. */
  say: (title: string, more?: string, whole?: boolean) => void;
  /** Once the map is drawn, a narrow one folds its attribution away: there is no room beside the legend. */
  settle: () => void;
}

function element<K extends keyof HTMLElementTagNameMap>(tag: K, className: string, text = ''): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function marks(product: Product, language: Language, moment: string | null): HTMLElement[] {
  const words = WORDS[language];
  const made = product.synthetic ? [element('span', 'mark', words.synthetic)] : [];
  made.push(element('span', 'mark plain', language === 'en' && product.review_number === UNREVIEWED ? 'Not reviewed' : product.review_number));
  if (moment !== null) made.push(element('span', 'mark plain', put(words.at, { moment })));
  return made;
}

function legend(product: Product, language: Language, open: boolean): HTMLElement | null {
  const found = legendOf(product, language);
  if (found.length === 0) return null;
  const made = element('details', 'legend');
  const lists = element('div', 'lists');
  lists.append(...found);
  made.append(element('summary', '', WORDS[language].legend), lists);
  made.open = open;
  return made;
}

export function frame(): Frame {
  const root = element('section', 'frame');
  const map = element('div', 'map');
  const head = element('header', 'head');
  const note = element('p', 'note');
  head.hidden = note.hidden = true;
  note.setAttribute('role', 'alert');
  root.append(map, head, note);
  return {
    root,
    map,
    describe: (product, language, moment) => {
      const title = either(language, product.title_zh, product.title_en);
      head.replaceChildren(element('h2', '', title), ...marks(product, language, moment));
      head.hidden = false;
      root.setAttribute('aria-label', title);
      root.querySelector('.legend')?.remove();
      const drawn = legend(product, language, root.clientWidth > NARROW_PX);
      if (drawn !== null) head.after(drawn);
    },
    say: (title, more = '', whole = false) => {
      note.replaceChildren(element('strong', '', title), element('span', '', more === '' ? '' : ` ${more}`));
      note.classList.toggle('whole', whole);
      note.hidden = title === '';
    },
    settle: () => {
      if (root.clientWidth > NARROW_PX) return;
      const attribution = map.querySelector('.maplibregl-ctrl-attrib');
      attribution?.classList.remove('maplibregl-compact-show');
      attribution?.removeAttribute('open');
    },
  };
}
