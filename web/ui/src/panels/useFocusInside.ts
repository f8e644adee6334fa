/** A panel takes the focus when it opens and gives it back to what opened it: a button, else the map. */
import { useEffect, useRef, type RefObject } from 'react';
import { takeOpener } from '../state/focus';

export function useFocusInside<T extends HTMLElement>(): RefObject<T | null> {
  const panel = useRef<T>(null);
  useEffect(() => {
    const opener = takeOpener();
    panel.current?.focus({ preventScroll: true });
    return () => {
      const home = opener?.isConnected === true ? opener : document.getElementById('map');
      home?.focus({ preventScroll: true });
    };
  }, []);
  return panel;
}
