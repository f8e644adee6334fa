import { useSyncExternalStore } from 'react';

const phone = matchMedia('(max-width: 640px)');

function subscribe(onChange: () => void): () => void {
  phone.addEventListener('change', onChange);
  return () => phone.removeEventListener('change', onChange);
}

/** One bottom sheet instead of drawers: at most 640 px wide. */
export function usePhone(): boolean {
  return useSyncExternalStore(subscribe, () => phone.matches);
}
