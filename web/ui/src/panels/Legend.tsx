/** The legend of one symbol, from the same entries the map is coloured by. */
import type { LegendEntry, Symbology } from '../api/types';
import { fill, pick, useLanguage, useWords } from '../i18n';
import { isBroken, noData, NO_DATA, PLANNED } from '../map/symbol';

interface SwatchProps {
  symbol: Symbology;
  color: string;
  look?: 'plain' | 'planned' | 'demolished';
}

export function Swatch({ symbol, color, look = 'plain' }: SwatchProps) {
  if (look === 'demolished') return <i className="swatch" style={{ border: '1.5px solid #7A7F87' }} />;
  if (look === 'planned') return <i className="swatch" style={{ background: PLANNED, opacity: 0.4 }} />;
  if (symbol.kind === 'line') {
    const style = symbol.dash.length > 0 ? 'dashed' : 'solid';
    return <i className="swatch stroke" style={{ borderTop: `${Math.min(5, Math.max(2, symbol.width_px))}px ${style} ${color}`, opacity: symbol.opacity }} />;
  }
  if (symbol.kind === 'circle') return <i className="swatch dot" style={{ background: color }} />;
  return (
    <i className="swatch" style={{ border: `1px solid ${symbol.outline_color ?? 'transparent'}` }}>
      <i style={{ background: color, opacity: symbol.opacity }} />
    </i>
  );
}

function entriesOf(symbol: Symbology, title: string): LegendEntry[] {
  return symbol.legend.length > 0 ? symbol.legend : [{ label_zh: title, label_en: title, color: symbol.color }];
}

export function Legend({ symbol, title, phased }: { symbol: Symbology; title: string; phased: boolean }) {
  const words = useWords();
  const lang = useLanguage();
  return (
    <div className="legend" role="group" aria-label={`${words.legend}: ${title}`}>
      {symbol.legend_unit !== '' && <small className="unit">{fill(words.unit, { u: symbol.legend_unit })}</small>}
      <ul>
        {entriesOf(symbol, title).map((entry) => (
          <li key={`${entry.label_zh}${entry.color}`}>
            <Swatch symbol={symbol} color={entry.color} />
            <span>{pick(lang, entry.label_zh, entry.label_en)}</span>
          </li>
        ))}
        {isBroken(symbol) && noData(symbol) === NO_DATA && (
          <li>
            <Swatch symbol={symbol} color={NO_DATA} />
            <span>{words.noData}</span>
          </li>
        )}
        {phased && (
          <>
            <li>
              <Swatch symbol={symbol} color={PLANNED} look="planned" />
              <span>{words.planned}</span>
            </li>
            <li>
              <Swatch symbol={symbol} color="#7A7F87" look="demolished" />
              <span>{words.demolished}</span>
            </li>
          </>
        )}
      </ul>
    </div>
  );
}
