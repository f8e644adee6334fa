/** The server's event stream; the browser reconnects by itself and resumes with Last-Event-ID. */
import { ROOT } from './client';
import type { ServerEvent } from './types';

const TOPICS = ['layer', 'catalogue', 'product', 'job', 'message'] as const;

export function listenToServer(onEvent: (event: ServerEvent) => void): () => void {
  const stream = new EventSource(`${ROOT}events`);
  const take = (message: MessageEvent<string>) => {
    try {
      const event = JSON.parse(message.data) as ServerEvent;
      onEvent(message.type === 'message' ? event : { ...event, topic: message.type as ServerEvent['topic'] });
    } catch {
      // A line we do not understand must not end the stream.
    }
  };
  for (const topic of TOPICS) stream.addEventListener(topic, take);
  return () => stream.close();
}
