/** Imports under way: how far, how long, stop; and at the end the report and the next step. */
import { CloseOutlined } from '@ant-design/icons';
import { Button, Progress, Tag } from 'antd';
import { useEffect, useState } from 'react';
import { api } from '../api/client';
import type { Job, Problem } from '../api/types';
import { fill, formatNumber, pick, useLanguage, useWords, type Words } from '../i18n';
import { addItem } from '../state/actions';
import { dismissJob, followJob, hasEnded, reportOf } from '../state/jobs';
import { page, type Language, type TrackedJob } from '../state/page';
import { useStore } from '../state/store';
import { ProblemNote } from './ProblemNote';
import { UndoButton } from './UndoButton';

function useSeconds(since: number, running: boolean): number {
  const [now, setNow] = useState(since);
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [running]);
  return Math.max(0, Math.round((now - since) / 1000));
}

const UNDO = 'undo-import';

function percentOf({ job }: TrackedJob): number {
  if (job === null) return 0;
  if (job.status === 'done') return 100;
  return job.total === null || job.total === 0 ? 0 : Math.min(99, Math.round((job.done / job.total) * 100));
}

function stepOf(job: Job | null, lang: Language, words: Words): string {
  if (job === null) return words.queued;
  const fixed: Partial<Record<Job['status'], string>> = { queued: words.queued, failed: words.failed, cancelled: words.cancelled, done: job.kind === UNDO ? words.undone : words.finished };
  const step = fixed[job.status] ?? (pick(lang, job.step_zh, job.step_en) || words.running);
  return job.status === 'running' && job.total !== null && job.total > 0 ? `${step} ${formatNumber(lang, job.done)} / ${formatNumber(lang, job.total)}` : step;
}

function problemOfJob({ error }: Job, words: Words): Partial<Problem> {
  if (error === null) return { title: words.failed, title_en: words.failed };
  return { ...error, title: error.title_zh, detail: error.detail_zh };
}

function Done({ job }: { job: Job }) {
  const words = useWords();
  const run = reportOf(job)?.run;
  const undone = useStore(page, (state) => state.jobs.some((each) => each.job?.kind === UNDO && each.job.status === 'done' && each.job.args['run'] === run));
  const lang = useLanguage();
  const report = reportOf(job);
  if (report === null || job.kind !== 'import') return null;
  const add = () => {
    addItem('layer', report.layer);
    page.set({ panel: 'map', drawerOpen: true });
  };
  return (
    <>
      <p className="counts">
        {words.rowsIn} <b>{formatNumber(lang, report.rows_in)}</b> = {words.published} <b>{formatNumber(lang, report.published)}</b> + {words.refused}{' '}
        <b>{formatNumber(lang, report.refused)}</b>
      </p>
      <div className="actions">
        <Button type="primary" onClick={add}>
          {words.addToMap}
        </Button>
        <Button onClick={() => page.set({ report })}>{words.report}</Button>
        {undone ? <Tag>{words.undone}</Tag> : <UndoButton report={report} />}
      </div>
    </>
  );
}

function JobCard({ tracked }: { tracked: TrackedJob }) {
  const words = useWords();
  const lang = useLanguage();
  const { job, problem } = tracked;
  const over = hasEnded(job) || problem !== null;
  const seconds = useSeconds(tracked.startedAt, !over);
  const failure = problem ?? (job?.status === 'failed' ? problemOfJob(job, words) : null);
  const cancel = () => void api.cancelJob(tracked.id).finally(() => followJob(tracked.id));
  return (
    <section className="job" aria-label={tracked.title}>
      <header>
        <b title={tracked.title}>{tracked.title}</b>
        {over ? (
          <Button type="text" size="small" icon={<CloseOutlined />} aria-label={words.dismiss} onClick={() => dismissJob(tracked.id)} />
        ) : (
          job !== null && (
            <Button size="small" onClick={cancel}>
              {words.cancel}
            </Button>
          )
        )}
      </header>
      {failure === null ? (
        <Progress percent={percentOf(tracked)} size="small" status={job?.status === 'done' ? 'success' : 'normal'} showInfo={false} aria-label={tracked.title} />
      ) : (
        <ProblemNote problem={failure} />
      )}
      <p className="step" role="status">
        {failure === null && stepOf(job, lang, words)} <span>{fill(words.elapsed, { s: seconds })}</span>
      </p>
      {job?.status === 'done' && <Done job={job} />}
    </section>
  );
}

export function JobCards() {
  const words = useWords();
  const jobs = useStore(page, (state) => state.jobs);
  if (jobs.length === 0) return null;
  return (
    <div className="jobs" aria-label={words.jobs}>
      {jobs.map((tracked) => (
        <JobCard key={tracked.startedAt} tracked={tracked} />
      ))}
    </div>
  );
}
