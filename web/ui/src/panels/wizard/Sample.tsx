/** The first rows as they would be read: the quickest way to see a wrong encoding. */
import { Table } from 'antd';
import type { Preview } from '../../api/types';
import { useWords } from '../../i18n';

/** A value as one line of text. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export function Sample({ preview, rows }: { preview: Preview; rows: number }) {
  const words = useWords();
  const columns = preview.columns.map(({ name }, at) => ({ title: name, dataIndex: at, key: name, ellipsis: true, width: 128, render: shown }));
  const data = preview.sample.slice(0, rows).map((row, key) => Object.assign({ key }, row));
  if (columns.length === 0) return null;
  return (
    <>
      <h3>{words.firstRows}</h3>
      <Table className="sample" size="small" columns={columns} dataSource={data} pagination={false} scroll={{ x: 'max-content' }} />
    </>
  );
}
