/** Keys that work anywhere but in a text field. */
import { closeInspector, setMode } from './actions';
import { page } from './page';

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable="true"]') !== null;
}

/** Esc closes the topmost thing; dialogs and popovers take the key themselves, before it comes here. */
function escape(): void {
  const open = document.querySelector('.ant-modal-wrap:not([style*="display: none"]), .ant-popover:not(.ant-popover-hidden), .ant-dropdown:not(.ant-dropdown-hidden)');
  const { picked, candidates } = page.get();
  if (open === null && (picked !== null || candidates.length > 0)) closeInspector();
}

const KEYS: Record<string, () => void> = {
  '/': () => document.querySelector<HTMLInputElement>('.search input')?.focus(),
  '1': () => setMode('2d'),
  '2': () => setMode('3d'),
  Escape: escape,
};

export function listenToKeys(): () => void {
  const press = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const action = KEYS[event.key];
    if (action === undefined || (event.key !== 'Escape' && isTyping(event.target))) return;
    if (event.key !== 'Escape') event.preventDefault();
    action();
  };
  window.addEventListener('keydown', press);
  return () => window.removeEventListener('keydown', press);
}
