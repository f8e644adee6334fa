/** The report of one import: how good the file was and why, what became of every row, and where each fault lies. */
import { AimOutlined, CloseOutlined, DownloadOutlined } from '@ant-design/icons';
import { Alert, Button, Collapse, Progress, Tag } from 'antd';
import { useEffect, useState } from 'react';
import { api, ApiError, findingsPath } from '../api/client';
import type { Finding, ImportReport, Quality, ReportExample, ReportRule, RuleQuality } from '../api/types';
import { fill, formatNumber, pick, useLanguage, useWords } from '../i18n';
import { flyTo } from '../map/handle';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { SEVERITY_COLORS } from './severity';
import { UndoButton } from './UndoButton';
import { useFocusInside } from './useFocusInside';
import { Readings } from './wizard/DatumNote';

const GOOD = 95;
const FAIR = 80;
const scoreColor = (score: number): string => (score >= GOOD ? '#2E7D4F' : score >= FAIR ? '#B26A00' : '#C8373C');

/** The findings of a rule (all rules: '') as points on the map, while the report is open. */
function useMarks(run: string, rule: string): void {
  useEffect(() => {
    let current = true;
    void api.findings(run, rule).then(
      (found) => current && page.set({ marks: { type: 'FeatureCollection', features: found.flatMap(mark) } }),
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
      },
    );
    return () => {
      current = false;
      page.set({ marks: null });
    };
  }, [run, rule]);
}

function mark({ lon, lat, row, severity }: Finding): GeoJSON.Feature[] {
  return lon === null || lat === null ? [] : [{ type: 'Feature', geometry: { type: 'Point', coordinates: [lon, lat] }, properties: { row, severity } }];
}

function Example({ example }: { example: ReportExample }) {
  const words = useWords();
  const lang = useLanguage();
  const { lon, lat } = example;
  return (
    <li>
      <span>
        {example.row > 0 && fill(words.row, { n: example.row })} {pick(lang, example.detail_zh, example.detail_en)}
      </span>
      {lon !== null && lat !== null && (
        <Button
          type="text"
          size="small"
          icon={<AimOutlined />}
          aria-label={`${words.flyThere}: ${fill(words.row, { n: example.row })}`}
          onClick={() => flyTo({ lng: lon, lat, zoom: 17 })}
        />
      )}
    </li>
  );
}

function Share({ quality }: { quality: RuleQuality | undefined }) {
  const words = useWords();
  const lang = useLanguage();
  if (quality === undefined) return null;
  const share = quality.rows === 0 ? words.wholeFile : `${formatNumber(lang, quality.share * 100)}%`;
  return (
    <span className="share">
      {share}
      {quality.points > 0 && <b>−{formatNumber(lang, quality.points)}</b>}
    </span>
  );
}

function Findings({ report, onRule }: { report: ImportReport; onRule: (rule: string) => void }) {
  const words = useWords();
  const lang = useLanguage();
  const costs = new Map(report.quality?.rules.map((each) => [each.rule, each]));
  const rules = report.rules.toSorted((one, other) => (costs.get(other.rule)?.points ?? 0) - (costs.get(one.rule)?.points ?? 0));
  if (rules.length === 0) return <p>{words.noFindings}</p>;
  const item = (rule: ReportRule) => ({
    key: rule.rule,
    label: (
      <span>
        <Tag color={SEVERITY_COLORS[rule.severity]}>{words[rule.severity]}</Tag>
        {pick(lang, rule.zh, rule.en)}
      </span>
    ),
    extra: (
      <span className="figures">
        {formatNumber(lang, rule.count)}
        <Share quality={costs.get(rule.rule)} />
      </span>
    ),
    children: (
      <ul className="examples">
        {rule.examples.map((example) => (
          <Example key={`${example.row}/${example.detail_en}`} example={example} />
        ))}
      </ul>
    ),
  });
  return <Collapse size="small" accordion onChange={(open) => onRule(open[0] ?? '')} items={rules.map(item)} />;
}

function Score({ quality }: { quality: Quality }) {
  const words = useWords();
  const lang = useLanguage();
  return (
    <div className="score">
      <Progress
        type="dashboard"
        size={92}
        percent={quality.score}
        strokeColor={scoreColor(quality.score)}
        format={() => <b style={{ color: scoreColor(quality.score) }}>{formatNumber(lang, quality.score)}</b>}
        aria-label={words.quality}
      />
      <div>
        <h3>{words.quality}</h3>
        <p>{fill(words.qualityHow, { n: formatNumber(lang, quality.checked) })}</p>
      </div>
    </div>
  );
}

function Figures({ report }: { report: ImportReport }) {
  const words = useWords();
  const lang = useLanguage();
  const count = (value: number) => formatNumber(lang, value);
  const figures: [string, number][] = [
    [words.rowsIn, report.rows_in],
    [words.published, report.published],
    [words.refused, report.refused],
    [words.repaired, report.repaired],
  ];
  return (
    <>
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
        {[report.file, report.format, report.crs, report.datum, report.encoding].filter((word) => word !== undefined && word !== '').join(' · ')}
      </p>
    </>
  );
}

function Datum({ report }: { report: ImportReport }) {
  const words = useWords();
  const lang = useLanguage();
  const check = report.datum_check ?? null;
  if (check === null) return null;
  const values = { n: check.compared, m: formatNumber(lang, Math.round(check.offset_m)), d: check.declared, f: check.fits };
  return (
    <Alert
      className="gap"
      type={check.doubtful ? 'warning' : 'success'}
      showIcon
      title={fill(check.doubtful ? words.datumDoubt : words.datumGood, values)}
      description={<Readings check={check} />}
    />
  );
}

function Report({ report }: { report: ImportReport }) {
  const words = useWords();
  const panel = useFocusInside<HTMLElement>();
  const [rule, setRule] = useState('');
  useMarks(report.run, rule);
  const close = () => page.set({ report: null });
  return (
    <aside ref={panel} tabIndex={-1} className="side report" role="dialog" aria-label={`${words.report}: ${report.layer}`}>
      <header>
        <h2>
          {words.report} <span>{report.layer}</span>
        </h2>
        <Button type="text" size="small" icon={<CloseOutlined />} aria-label={words.close} onClick={close} />
      </header>
      <div className="side-body">
        {report.quality !== undefined && report.quality !== null && <Score quality={report.quality} />}
        <Figures report={report} />
        <Datum report={report} />
        <h3>{words.findings}</h3>
        <Findings report={report} onRule={setRule} />
      </div>
      <footer>
        <Button icon={<DownloadOutlined />} href={findingsPath(report.run, 'csv')} disabled={report.rules.length === 0}>
          CSV
        </Button>
        <Button icon={<DownloadOutlined />} href={findingsPath(report.run, 'geojson')} disabled={report.rules.length === 0}>
          GeoJSON
        </Button>
        <span className="room" />
        <UndoButton report={report} />
      </footer>
    </aside>
  );
}

export function ImportReportPanel() {
  const report = useStore(page, (state) => state.report);
  return report === null ? null : <Report key={report.run} report={report} />;
}
