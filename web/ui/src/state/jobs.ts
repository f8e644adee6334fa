/** Imports under way: sent, followed by events with polling as the fallback, and kept until dismissed. */
import { api, ApiError, upload } from '../api/client';
import type { ImportReport, Job } from '../api/types';
import { page, type TrackedJob } from './page';

const POLL_MS = 2000;
const EVENT_GAP_MS = 250;

const ENDED = new Set(['done', 'failed', 'cancelled']);

export const hasEnded = (job: Job | null): boolean => job !== null && ENDED.has(job.status);

export function reportOf(job: Job | null): ImportReport | null {
  const result = job?.result;
  if (typeof result !== 'object' || result === null) return null;
  if ('rows_in' in result) return result as ImportReport;
  return 'report' in result ? (result.report as ImportReport | null) : null;
}

function change(id: string, patch: Partial<TrackedJob>): void {
  page.set({ jobs: page.get().jobs.map((job) => (job.id === id ? { ...job, ...patch } : job)) });
}

export function dismissJob(id: string): void {
  page.set({ jobs: page.get().jobs.filter((job) => job.id !== id) });
}

async function refresh(id: string): Promise<void> {
  const tracked = page.get().jobs.find((job) => job.id === id);
  if (tracked === undefined || hasEnded(tracked.job)) return;
  try {
    change(id, { job: await api.job(id) });
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 404) change(id, { problem: error.problem });
  }
}

const waiting = new Set<string>();

/** An event said the job moved; many events close together cost one request. */
export function followJob(id: string): void {
  if (waiting.has(id)) return;
  waiting.add(id);
  window.setTimeout(() => {
    waiting.delete(id);
    void refresh(id);
  }, EVENT_GAP_MS);
}

function poll(id: string): void {
  const timer = window.setInterval(() => {
    const tracked = page.get().jobs.find((job) => job.id === id);
    if (tracked === undefined || hasEnded(tracked.job) || tracked.problem !== null) clearInterval(timer);
    else void refresh(id);
  }, POLL_MS);
}

/** Follow a job that `ask` puts on the queue; its card is there at once, and says so when the server refuses. */
async function track(title: string, ask: () => Promise<{ job: string }>): Promise<void> {
  const local = `job-${Date.now()}`;
  const tracked: TrackedJob = { id: local, title, startedAt: Date.now(), job: null, problem: null };
  page.set({ jobs: [tracked, ...page.get().jobs] });
  try {
    const { job } = await ask();
    change(local, { id: job });
    followJob(job);
    poll(job);
  } catch (error) {
    if (error instanceof ApiError) change(local, { problem: error.problem });
    else throw error;
  }
}

export const importKept = (title: string, kept: string, options: object): Promise<void> => track(title, () => api.importKept(kept, options));

/** Send a file that could not be looked at. */
export const importFile = (file: File, options: object): Promise<void> =>
  track(file.name, () => upload<{ job: string }>('imports', file, options, () => undefined));

/** Take an import back: the layer is as it was before it. */
export const undoImport = (title: string, run: string): Promise<void> => track(title, () => api.undoImport(run));
