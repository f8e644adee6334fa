/** The server's event stream; the browser resumes it with Last-Event-ID, and we open it anew when it gave up. */
import { ROOT } from './client';
import type { ServerEvent } from './types';

const TOPICS = ['layer', 'overview', 'catalogue', 'product', 'job'] as const;
const PAUSE_MS = 3000;

interface Listener {
  onEvent: (event: ServerEvent) => void;
  /** A stream that was lost for good is back: events in between are not known. */
  onReturn: () => void;
}

function open({ onEvent }: Listener): EventSource {
  const stream = new EventSource(`${ROOT}events`);
  const take = (message: MessageEvent<string>) => {
    try {
      onEvent(JSON.parse(message.data) as ServerEvent);
    } catch {
      // A line we do not understand must not end the stream.
    }
  };
  for (const topic of TOPICS) stream.addEventListener(topic, take);
  return stream;
}

export function listenToServer(listener: Listener): () => void {
  let stream: EventSource;
  let timer = 0;
  const start = (again: boolean) => {
    stream = open(listener);
    stream.onopen = () => {
      if (again) listener.onReturn();
      again = false;
    };
    stream.onerror = () => {
      if (stream.readyState === EventSource.CLOSED) timer = window.setTimeout(start, PAUSE_MS, true);
    };
  };
  start(false);
  return () => {
    clearTimeout(timer);
    stream.close();
  };
}
