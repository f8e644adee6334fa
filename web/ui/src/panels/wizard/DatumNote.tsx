/** How far the file's areas lie from the boundaries of the same name, as declared and otherwise; and the one click that mends it. */
import { Alert } from 'antd';
import type { DatumCheck, Preview } from '../../api/types';
import { fill, formatNumber, useLanguage, useWords } from '../../i18n';
import { UseDatum } from './UseDatum';

const READINGS = ['WGS84', 'GCJ-02', 'BD-09'];

/** Metres without false precision. */
const metres = (value: number): number => (value < 10 ? Math.round(value * 10) / 10 : Math.round(value));

export function Readings({ check }: { check: DatumCheck }) {
  const words = useWords();
  const lang = useLanguage();
  return (
    <ul className="readings">
      {READINGS.map((name) => (
        <li key={name} className={name === check.fits ? 'fits' : ''}>
          <span>{fill(words.readAs, { d: name })}</span>
          <b>{formatNumber(lang, metres(check.readings_m[name] ?? 0))} m</b>
        </li>
      ))}
    </ul>
  );
}

export function DatumNote({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const check = preview.datum_check;
  if (check === null) return null;
  const values = { n: check.compared, m: formatNumber(lang, metres(check.offset_m)), d: check.declared, f: check.fits, k: words.datumBy[check.by] ?? check.by };
  if (!check.doubtful) return <Alert className="gap" type="success" showIcon title={fill(words.datumGood, values)} />;
  return (
    <Alert
      className="gap datum-doubt"
      type="warning"
      showIcon
      title={fill(words.datumDoubt, values)}
      description={
        <>
          <p>{fill(words.datumDoubtWhy, values)}</p>
          <Readings check={check} />
          <UseDatum datum={check.fits} />
        </>
      }
    />
  );
}
