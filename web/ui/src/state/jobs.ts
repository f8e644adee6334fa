/** Imports under way: sent, followed by events with polling as the fallback, and kept until dismissed. */
import { api, ApiError, upload } from '../api/client';
import type { ImportReport, Job } from '../api/types';
import { page, type TrackedJob } from './page';

const POLL_MS = 2000;
const EVENT_GAP_MS = 250;

const ENDED = new Set(['done', 'failed', 'cancelled']);

export interface ImportChoice {
  layer: string;
  title_zh: string;
  crs: string | null;
  datum: string | null;
  encoding: string | null;
  explode: boolean;
}

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

export async function startImport(file: File, choice: ImportChoice): Promise<void> {
  const local = `upload-${Date.now()}`;
  const tracked: TrackedJob = { id: local, title: file.name, startedAt: Date.now(), uploaded: 0, job: null, problem: null };
  page.set({ jobs: [tracked, ...page.get().jobs], file: null });
  const options = Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== null && value !== ''));
  try {
    const { job } = await upload(file, options, (uploaded) => change(local, { uploaded }));
    change(local, { id: job, uploaded: 1 });
    followJob(job);
    poll(job);
  } catch (error) {
    if (error instanceof ApiError) change(local, { problem: error.problem });
    else throw error;
  }
}
