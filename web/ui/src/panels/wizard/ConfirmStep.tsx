/** Step 3: all that will happen, in one list, before it does. */
import { Alert, Switch } from 'antd';
import type { Preview } from '../../api/types';
import { fill, formatNumber, useLanguage, useWords } from '../../i18n';
import { useStore } from '../../state/store';
import { fieldFor } from '../../state/choice';
import { choose, wizard } from '../../state/wizard';
import { DatumNote } from './DatumNote';

function Line({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function ConfirmStep({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const choice = useStore(wizard, (state) => state.choice);
  const kept = preview.columns.filter((column) => fieldFor(choice, column) !== '');
  const renamed = kept.filter((column) => fieldFor(choice, column) !== column.name);
  const areas = Object.keys(preview.geometry_types).some((kind) => kind.includes('Polygon'));
  const rows = preview.rows === null ? fill(words.atLeast, { n: formatNumber(lang, preview.read) }) : formatNumber(lang, preview.rows);
  return (
    <>
      {preview.datum_check?.doubtful === true && <DatumNote preview={preview} />}
      {choice.mode === 'replace' && preview.known_rows && <Alert className="gap" type="warning" showIcon title={words.modeHint.replace} />}
      <dl className="facts">
        <Line name={words.layer}>
          {choice.title_zh === '' ? choice.layer : `${choice.title_zh}（${choice.layer}）`} · {preview.known_rows ? words.modes3[choice.mode] : words.newLayer}
        </Line>
        <Line name={words.rowCount}>{rows}</Line>
        <Line name={words.datum}>
          {preview.datum} · {preview.crs}
        </Line>
        {choice.axis_order !== '' && <Line name={words.axisOrder}>{words.axisOrders[choice.axis_order]}</Line>}
        {(choice.vertical_datum !== '' || preview.vertical_datum !== null) && <Line name={words.verticalDatum}>{choice.vertical_datum || preview.vertical_datum}</Line>}
        <Line name={words.encoding}>{preview.encoding}</Line>
        <Line name={words.keyColumn}>{choice.key || preview.key || words.keyByContent}</Line>
        <Line name={words.field}>
          {fill(words.fieldCount, { n: kept.length, o: preview.columns.length - kept.length })}
          {renamed.map((column) => (
            <div key={column.name}>
              {column.name} → {fieldFor(choice, column)}
            </div>
          ))}
        </Line>
      </dl>
      {areas && (
        <label className="option">
          <Switch size="small" checked={choice.topology} onChange={(topology) => choose({ topology })} /> {words.topology}
        </label>
      )}
      {preview.known_rows && choice.mode !== 'append' && (
        <label className="option">
          <Switch size="small" checked={choice.allow_removals} onChange={(value) => choose({ allow_removals: value })} /> {words.allowRemovals}
        </label>
      )}
      <p className="hint">{words.undoHint}</p>
    </>
  );
}
