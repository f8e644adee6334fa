/** Step 1: what the file is, its text, its coordinates; each choice is read again at once, on the map too. */
import { Alert, AutoComplete, Form, Select, Switch, Tag } from 'antd';
import type { Preview } from '../../api/types';
import { fill, formatNumber, pick, useLanguage, useWords } from '../../i18n';
import { useStore } from '../../state/store';
import { isLocal } from '../../state/localGrid';
import { choose, wizard } from '../../state/wizard';
import { SEVERITY_COLORS } from '../severity';
import { DatumNote } from './DatumNote';
import { LocalGridForm } from './LocalGridForm';
import { AxisOrder, HeightDatum } from './PlaceFields';
import { REFERENCES } from './references';
import { Sample } from './Sample';

const DATUMS = ['CGCS2000', 'WGS84', 'GCJ-02', 'BD-09'];
const ENCODINGS = ['UTF-8', 'GB18030', 'BIG5', 'UTF-16'];
const megabytes = (bytes: number): string => (bytes < 1_000_000 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toPrecision(3)} MB`);

function Facts({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const rows = preview.rows === null ? fill(words.atLeast, { n: formatNumber(lang, preview.read) }) : formatNumber(lang, preview.rows);
  const shapes = Object.keys(preview.geometry_types).join(', ');
  return (
    <dl className="keys">
      <div>
        <dt>{words.format}</dt>
        <dd>{pick(lang, preview.format_zh, preview.format_en) || '—'}</dd>
      </div>
      <div>
        <dt>{words.rowCount}</dt>
        <dd>{rows}</dd>
      </div>
      <div>
        <dt>{words.shapeKinds}</dt>
        <dd>{shapes === '' ? words.noShapes : shapes}</dd>
      </div>
      <div>
        <dt>{words.size}</dt>
        <dd>{megabytes(preview.size)}</dd>
      </div>
    </dl>
  );
}

/** Findings of the rows read so far, as tags. */
function Findings({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  if (preview.findings.length === 0) return null;
  return (
    <>
      <h3>{fill(words.seenSoFar, { n: formatNumber(lang, preview.read) })}</h3>
      <ul className="seen">
        {preview.findings.map((rule) => (
          <li key={rule.rule}>
            <Tag color={SEVERITY_COLORS[rule.severity]}>{words[rule.severity]}</Tag>
            {pick(lang, rule.zh, rule.en)}
            {rule.count > 1 && <small> × {formatNumber(lang, rule.count)}</small>}
          </li>
        ))}
      </ul>
    </>
  );
}

function CrsDoubt({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const check = preview.crs_check;
  if (check === null) return null;
  const text = fill(words.crsDoubt, { d: check.declared || words.notSaid, u: check.used || '—', r: pick(lang, check.region_zh, check.region_en) });
  return <Alert className="gap" type="warning" showIcon title={text} />;
}

function Tables({ preview }: { preview: Preview }) {
  const words = useWords();
  const table = useStore(wizard, (state) => state.choice.table);
  const choices = preview.refusal?.choices ?? [];
  if (choices.length === 0 && table === '') return null;
  return (
    <Form.Item label={words.table} className="wide">
      <Select value={table === '' ? null : table} onChange={(value: string) => choose({ table: value })} options={choices.map((value) => ({ value, label: value }))} />
    </Form.Item>
  );
}

export function FileStep({ preview }: { preview: Preview }) {
  const words = useWords();
  const { crs, datum, encoding, explode } = useStore(wizard, (state) => state.choice);
  const by = { said: words.bySaid, file: words.byFile, content: words.byContent, assumed: words.byAssumed };
  const automatic = (value: string, how: string) => (value === '' ? words.automatic : `${value}（${how}）`);
  return (
    <>
      <DatumNote preview={preview} />
      <CrsDoubt preview={preview} />
      <Facts preview={preview} />
      <Form layout="vertical" component="div" className="two">
        <Tables preview={preview} />
        <Form.Item label={words.datum}>
          <Select
            aria-label={words.datum}
            value={datum}
            onChange={(value: string) => choose({ datum: value })}
            options={[{ value: '', label: automatic(datum === '' ? preview.datum : '', by[preview.crs_by]) }, ...DATUMS.map((value) => ({ value, label: value }))]}
          />
        </Form.Item>
        <Form.Item label={words.crs} extra={crs === '' && preview.crs !== '' ? `${preview.crs}（${by[preview.crs_by]}）` : undefined}>
          <AutoComplete
            key={isLocal(crs) ? crs : ''}
            aria-label={words.crs}
            allowClear
            defaultValue={crs}
            placeholder={words.crsHint}
            options={REFERENCES}
            onSelect={(value: string) => choose({ crs: value })}
            onClear={() => choose({ crs: '' })}
            onBlur={(event) => {
              const typed = (event.target as HTMLInputElement).value.trim();
              if (typed !== crs) choose({ crs: typed });
            }}
          />
        </Form.Item>
        <AxisOrder />
        <HeightDatum preview={preview} />
        <Form.Item label={words.encoding}>
          <Select
            aria-label={words.encoding}
            value={encoding}
            onChange={(value: string) => choose({ encoding: value })}
            options={[
              { value: '', label: automatic(encoding === '' ? preview.encoding : '', by[preview.encoding_by]) },
              ...ENCODINGS.map((value) => ({ value, label: value })),
            ]}
          />
        </Form.Item>
        <Form.Item label={words.explode}>
          <Switch aria-label={words.explode} checked={explode} onChange={(value) => choose({ explode: value })} />
        </Form.Item>
        <LocalGridForm />
      </Form>
      <Sample preview={preview} rows={5} />
      <Findings preview={preview} />
    </>
  );
}
