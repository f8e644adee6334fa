/** What a coded value is called: the legends of the products that draw the layer say it. */
import type { Product } from '../api/types';
import { pick } from '../i18n';
import type { Language } from '../state/page';

export type LabelOf = (field: string, value: unknown) => string;

/** A label for a value of a field of the layer, '' when no legend names it. */
export function labelsOf(layer: string, products: Product[], lang: Language): LabelOf {
  const known = new Map<string, string>();
  for (const { symbol } of products.flatMap((product) => product.layers).filter((part) => part.layer === layer)) {
    for (const { value, label_zh, label_en } of symbol.legend) {
      const label = pick(lang, label_zh, label_en);
      if (typeof value === 'string' && value !== label) known.set(`${symbol.class_field}/${value}`, label);
    }
  }
  return (field, value) => known.get(`${field}/${String(value)}`) ?? '';
}
