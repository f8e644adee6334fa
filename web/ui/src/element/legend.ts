/** The legend of a product, made of the same entries its style is coloured by. */
import type { LegendEntry, Product, Symbology } from '../api/types';
import type { Language } from './attributes';
import { either, WORDS } from './words';

/** The colour the served style gives to what has no value (layers/styles.py). */
const NO_DATA = '#E3E3E3';

function entriesOf(symbol: Symbology, language: Language): LegendEntry[] {
  const broken = symbol.legend.some(({ min, max }) => (min ?? max ?? null) !== null);
  const named = symbol.legend.some(({ value, min, max }) => (value ?? min ?? max ?? null) === null);
  const rest = { label_zh: WORDS.zh.noData, label_en: WORDS[language].noData, color: NO_DATA };
  return broken && !named ? [...symbol.legend, rest] : symbol.legend;
}

function swatch(symbol: Symbology, color: string): HTMLElement {
  const made = document.createElement('i');
  made.className = `swatch ${symbol.kind}`;
  made.style.setProperty('--color', color);
  return made;
}

function row(symbol: Symbology, entry: LegendEntry, language: Language): HTMLElement {
  const made = document.createElement('li');
  const label = document.createElement('span');
  label.textContent = either(language, entry.label_zh, entry.label_en);
  made.append(swatch(symbol, entry.color), label);
  return made;
}

/** A list for each layer that has classes; nothing when no layer has any. */
export function legendOf(product: Product, language: Language): HTMLElement[] {
  return product.layers
    .filter(({ visible, symbol }) => visible && symbol.legend.length > 0)
    .map(({ symbol }) => {
      const list = document.createElement('ul');
      list.append(...entriesOf(symbol, language).map((entry) => row(symbol, entry, language)));
      if (symbol.legend_unit !== '') list.dataset.unit = symbol.legend_unit;
      return list;
    });
}
