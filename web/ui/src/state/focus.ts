/** What opened the next panel. An entry of a menu is gone by then, so it names the menu's button. */

let opener: HTMLElement | null = null;

export function rememberOpener(element: HTMLElement | null): void {
  opener = element;
}

/** What was remembered, once; else what has the focus now. */
export function takeOpener(): HTMLElement | null {
  const active = document.activeElement;
  const found = opener ?? (active instanceof HTMLElement && active !== document.body ? active : null);
  opener = null;
  return found;
}
