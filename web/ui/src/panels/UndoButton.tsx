/** Takes an import back, after asking once. */
import { UndoOutlined } from '@ant-design/icons';
import { Button, Popconfirm, Tag } from 'antd';
import type { ImportReport } from '../api/types';
import { fill, useWords } from '../i18n';
import { undoImport } from '../state/jobs';
import { page } from '../state/page';

export function UndoButton({ report }: { report: ImportReport }) {
  const words = useWords();
  if (typeof report.undone_by === 'string') return <Tag>{words.undone}</Tag>;
  if (report.dry_run === true || report.mode === 'undo' || report.format === 'pmtiles') return null;
  const undo = () => {
    page.set({ report: null, history: false });
    void undoImport(fill(words.undoOf, { l: report.layer }), report.run);
  };
  return (
    <Popconfirm title={words.undoAsk} description={words.undoWhat} okText={words.undo} cancelText={words.cancel} onConfirm={undo}>
      <Button icon={<UndoOutlined />}>{words.undo}</Button>
    </Popconfirm>
  );
}
