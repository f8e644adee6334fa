/** The report of one import: what became of every row, and where each fault lies. */
import { AimOutlined } from '@ant-design/icons';
import { Button, Collapse, Modal, Tag } from 'antd';
import type { ImportReport, ReportExample, ReportRule } from '../api/types';
import { fill, formatNumber, pick, useLanguage, useWords } from '../i18n';
import { flyTo } from '../map/handle';
import { AT_ONCE } from './atOnce';

const COLORS: Record<ReportRule['severity'], string> = { repair: 'blue', refuse: 'red', warn: 'orange', note: 'default' };

function Example({ example, onFly }: { example: ReportExample; onFly: () => void }) {
  const words = useWords();
  const lang = useLanguage();
  const { lon, lat } = example;
  return (
    <li>
      <span>
        {fill(words.row, { n: example.row })} {pick(lang, example.detail_zh, example.detail_en)}
      </span>
      {lon !== null && lat !== null && (
        <Button
          type="text"
          size="small"
          icon={<AimOutlined />}
          aria-label={`${words.flyThere}: ${fill(words.row, { n: example.row })}`}
          onClick={() => {
            flyTo({ lng: lon, lat, zoom: 17 });
            onFly();
          }}
        />
      )}
    </li>
  );
}

function Findings({ rules, onFly }: { rules: ReportRule[]; onFly: () => void }) {
  const words = useWords();
  const lang = useLanguage();
  if (rules.length === 0) return <p>{words.noFindings}</p>;
  return (
    <Collapse
      size="small"
      items={rules.map((rule) => ({
        key: `${rule.severity}/${rule.rule}`,
        label: (
          <span>
            <Tag color={COLORS[rule.severity]}>{words[rule.severity]}</Tag>
            {pick(lang, rule.zh, rule.en)}
          </span>
        ),
        extra: formatNumber(lang, rule.count),
        children: (
          <ul className="examples">
            {rule.examples.map((example) => (
              <Example key={`${example.row}/${example.detail_en}`} example={example} onFly={onFly} />
            ))}
          </ul>
        ),
      }))}
    />
  );
}

export function ImportReportDialog({ report, onClose }: { report: ImportReport; onClose: () => void }) {
  const words = useWords();
  const lang = useLanguage();
  const count = (value: number) => formatNumber(lang, value);
  const figures: [string, number][] = [
    [words.rowsIn, report.rows_in],
    [words.published, report.published],
    [words.refused, report.refused],
    [words.repaired, report.repaired],
  ];
  const notes: ReportRule[] = report.warnings
    .filter((warning) => !report.rules.some((rule) => rule.rule === warning.rule))
    .map((warning) => ({ ...warning, severity: 'warn', examples: [] }));
  return (
    <Modal {...AT_ONCE} open width={560} title={`${words.report}: ${report.layer}`} footer={null} onCancel={onClose}>
      <dl className="keys">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
      <p>
        {fill(words.changes, { a: count(report.added), c: count(report.changed), r: count(report.removed), u: count(report.unchanged) })}
        <br />
        {[report.crs, report.datum, report.encoding].filter((word) => word !== '').join(' · ')}
      </p>
      <h3>{words.findings}</h3>
      <Findings rules={[...report.rules, ...notes]} onFly={onClose} />
    </Modal>
  );
}
