/** Past imports, newest first: each leads to its report. */
import { CloseOutlined } from '@ant-design/icons';
import { Button, Tag } from 'antd';
import { useEffect, useState } from 'react';
import { api, ApiError } from '../api/client';
import type { ImportRun, Problem } from '../api/types';
import { formatInstant, useWords } from '../i18n';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { ProblemNote } from './ProblemNote';
import { useFocusInside } from './useFocusInside';

const COLORS: Record<ImportRun['status'], string> = { running: 'blue', done: 'green', failed: 'red', aborted: 'default' };

function History() {
  const words = useWords();
  const panel = useFocusInside<HTMLElement>();
  const [runs, setRuns] = useState<ImportRun[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const tell = (error: unknown) => {
    if (!(error instanceof ApiError)) throw error;
    setProblem(error.problem);
  };
  useEffect(() => {
    let current = true;
    void api.imports().then((found) => current && setRuns(found), tell);
    return () => {
      current = false;
    };
  }, []);
  const open = (run: string) => void api.report(run).then((report) => page.set({ report, history: false }), tell);
  return (
    <aside ref={panel} tabIndex={-1} className="side" role="dialog" aria-label={words.importHistory}>
      <header>
        <h2>{words.importHistory}</h2>
        <Button type="text" size="small" icon={<CloseOutlined />} aria-label={words.close} onClick={() => page.set({ history: false })} />
      </header>
      <div className="side-body">
        {problem !== null && <ProblemNote problem={problem} />}
        {runs?.length === 0 && <p className="hint">{words.noImports}</p>}
        <ul className="runs">
          {runs?.map((run) => (
            <li key={run.id}>
              <button disabled={run.status !== 'done'} onClick={() => open(run.id)}>
                <b>{run.layer_id}</b>
                <small>{formatInstant(run.started)}</small>
              </button>
              <Tag color={run.undone_by ? 'default' : COLORS[run.status]}>{run.undone_by ? words.undone : words.runStatus[run.status]}</Tag>
            </li>
          ))}
        </ul>
      </div>
    </aside>
  );
}

export function ImportHistory() {
  const open = useStore(page, (state) => state.history);
  return open ? <History /> : null;
}
