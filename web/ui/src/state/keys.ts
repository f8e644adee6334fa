/** Keys that work anywhere but in a text field. */
import { closeInspector, setMode } from './actions';
import { page } from './page';
import { leaveWizard, wizard } from './wizard';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable="true"]') !== null;
}

const FLOATING = ['.ant-modal-wrap:not([style*="display: none"])', ...['popover', 'dropdown', 'select-dropdown'].map((name) => `.ant-${name}:not(.ant-${name}-hidden)`)].join(', ');

/** Esc closes the topmost thing; what floats above the panels takes the key itself. */
function escape(): void {
  if (document.querySelector(FLOATING) !== null) return;
  const { picked, candidates, file, history, report } = page.get();
  if (file !== null && wizard.get().file === file) leaveWizard();
  else if (history) page.set({ history: false });
  else if (report !== null) page.set({ report: null });
  else if (picked !== null || candidates.length > 0) closeInspector();
}

const KEYS: Record<string, () => void> = {
  '/': () => document.querySelector<HTMLInputElement>('.search input')?.focus(),
  '1': () => setMode('2d'),
  '2': () => setMode('3d'),
};

const isPlain = (event: KeyboardEvent): boolean => !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;

export function listenToKeys(): () => void {
  const press = (event: KeyboardEvent) => {
    const action = KEYS[event.key];
    if (action === undefined || !isPlain(event) || event.defaultPrevented || isTyping(event.target)) return;
    event.preventDefault();
    action();
  };
  /** Heard on the way down, before anything that floats has closed by the same key. */
  const leave = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && isPlain(event)) escape();
  };
  window.addEventListener('keydown', press);
  window.addEventListener('keydown', leave, true);
  return () => {
    window.removeEventListener('keydown', press);
    window.removeEventListener('keydown', leave, true);
  };
}
