/** Two-way street between the page's state and the URL: a big step is an entry in the history, a camera move is not. */
import { page, type Camera, type Shared } from './page';
import { isBigStep, readUrl, writeUrl } from './url';

let last: Shared | null = null;
let timer = 0;

function shared(): Shared {
  const { camera, mode, items, picked, lang, dark } = page.get();
  return { camera, mode, items, picked, lang, dark };
}

/** Camera moves and slider drags settle before they are written. */
function write(): void {
  const now = shared();
  const hash = writeUrl(now);
  if (hash === location.hash) return;
  if (last !== null && isBigStep(last, now)) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  last = now;
}

/** Adopt the URL's state, then keep both in step. `onReturn` moves the map when Back was pressed. */
export function followUrl(onReturn: (camera: Camera) => void): () => void {
  page.set(readUrl(location.hash));
  last = shared();
  const leave = page.subscribe(() => {
    clearTimeout(timer);
    timer = window.setTimeout(write, 250);
  });
  const back = () => {
    clearTimeout(timer);
    const state = readUrl(location.hash);
    last = state;
    page.set(state);
    onReturn(state.camera);
  };
  window.addEventListener('popstate', back);
  return () => {
    leave();
    window.removeEventListener('popstate', back);
  };
}
