/** The catalogue: products by theme and division, then every layer by itself. */
import { Button, Collapse, Empty, Input, Skeleton } from 'antd';
import { useDeferredValue, useMemo, useState } from 'react';
import type { Layer, Product } from '../api/types';
import { titleOf, useLanguage, useWords } from '../i18n';
import { isBase, loadCatalogue } from '../state/catalogue';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { DivisionPicker } from './DivisionPicker';
import { LayerRow, ProductRow } from './ProductRow';
import { ProblemNote } from './ProblemNote';

const THEMES = ['natural-resources', 'emergency', 'economy', 'market', 'society', 'public-service', 'environment'];

function matches(text: string, ...words: (string | undefined)[]): boolean {
  const wanted = text.trim().toLowerCase();
  return wanted === '' || words.some((word) => word?.toLowerCase().includes(wanted));
}

/** A province-wide product also covers a county in it, and a county's product lies in the province. */
function covers(product: Product, division: string): boolean {
  return product.division.startsWith(division) || division.startsWith(product.division);
}

function useFound(text: string, division: string): { products: Product[]; layers: Layer[] } {
  const products = useStore(page, (state) => state.products);
  const layers = useStore(page, (state) => state.layers);
  return useMemo(
    () => ({
      products: (products ?? []).filter(
        (each) => !isBase(each) && covers(each, division) && matches(text, each.title_zh, each.title_en, each.code, ...each.keywords),
      ),
      layers: Object.values(layers).filter((each) => matches(text, each.title_zh, each.title_en, each.id)),
    }),
    [products, layers, text, division],
  );
}

export function ProductsTab() {
  const words = useWords();
  const lang = useLanguage();
  const loaded = useStore(page, (state) => state.products !== null);
  const problem = useStore(page, (state) => state.catalogueProblem);
  const [text, setText] = useState('');
  const [division, setDivision] = useState('');
  const { products, layers } = useFound(useDeferredValue(text), division);
  const filtered = text !== '' || division !== '';
  if (problem !== null && !loaded) {
    return <ProblemNote problem={{ ...problem, title: words.loadFailed, title_en: words.loadFailed }} action={<Button onClick={() => void loadCatalogue()}>{words.retry}</Button>} />;
  }
  if (!loaded) return <Skeleton active paragraph={{ rows: 8 }} title={false} />;
  const themes = [...new Set([...THEMES, ...products.map((product) => product.theme)])]
    .map((theme) => ({ theme, list: products.filter((product) => product.theme === theme) }))
    .filter(({ list }) => list.length > 0);
  return (
    <div className="products">
      <div className="filters">
        <Input value={text} allowClear placeholder={words.filterProducts} aria-label={words.filterProducts} onChange={(event) => setText(event.target.value)} />
        <DivisionPicker value={division} onChange={setDivision} />
      </div>
      {themes.length === 0 && (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={filtered ? words.productsNoneFilter : words.productsNone}>
          {filtered && (
            <Button
              onClick={() => {
                setText('');
                setDivision('');
              }}
            >
              {words.clearFilter}
            </Button>
          )}
        </Empty>
      )}
      {themes.map(({ theme, list }) => (
        <section key={theme} aria-label={words.theme[theme] ?? theme}>
          <h2>{words.theme[theme] ?? theme}</h2>
          <ul>
            {list.map((product) => (
              <ProductRow key={product.code} product={product} />
            ))}
          </ul>
        </section>
      ))}
      {layers.length > 0 && (
        <Collapse
          ghost
          size="small"
          items={[
            {
              key: 'layers',
              label: `${words.otherLayers} ${layers.length}`,
              children: (
                <ul>
                  {layers
                    .toSorted((a, b) => titleOf(lang, a).localeCompare(titleOf(lang, b), lang))
                    .map((layer) => (
                      <LayerRow key={layer.id} layer={layer} />
                    ))}
                </ul>
              ),
            },
          ]}
        />
      )}
    </div>
  );
}
