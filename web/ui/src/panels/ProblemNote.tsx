/** An error in three parts: what happened, how to mend it, and the number to quote. */
import { Alert, Typography } from 'antd';
import type { Problem } from '../api/types';
import { pick, useLanguage, useWords } from '../i18n';

export function ProblemNote({ problem, action }: { problem: Partial<Problem>; action?: React.ReactNode }) {
  const lang = useLanguage();
  const words = useWords();
  const title = pick(lang, problem.title, problem.title_en);
  const detail = pick(lang, problem.detail, problem.detail_en);
  return (
    <Alert
      className="gap"
      type="error"
      showIcon
      title={title}
      action={action}
      description={
        <>
          {detail !== title && <p>{detail}</p>}
          {problem.mend !== undefined && problem.mend !== '' && <p>{problem.mend}</p>}
          {problem.request_id !== undefined && problem.request_id !== '' && (
            <Typography.Text type="secondary" copyable={{ text: problem.request_id }}>
              {words.requestId} {problem.request_id}
            </Typography.Text>
          )}
        </>
      }
    />
  );
}
