import { Fragment, useMemo } from 'react';
import { Tag } from 'antd';
import { textOf } from '../api/roles';
import type { Item, Layer } from '../api/types';
import { useLanguage, useWords } from '../i18n';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { attributesOf, keyFacts, type Attribute } from './attribute';
import { labelsOf } from './labels';

const Value = ({ of }: { of: Attribute }) => (
  <>
    {of.value}
    {of.unit !== '' && <span className="unit"> {of.unit}</span>}
  </>
);

function Phase({ phase }: { phase: string }) {
  const words = useWords();
  if (phase === 'planned') return <Tag color="blue">{words.planned}</Tag>;
  if (phase === 'demolished') return <Tag>{words.demolished}</Tag>;
  return null;
}

export function Attributes({ item, layer }: { item: Item; layer: Layer | undefined }) {
  const words = useWords();
  const lang = useLanguage();
  const products = useStore(page, (state) => state.products);
  const all = useMemo(
    () => attributesOf(item, layer, lang, words, labelsOf(layer?.id ?? '', products ?? [], lang)),
    [item, layer, lang, words, products],
  );
  const keys = keyFacts(all);
  return (
    <>
      <Phase phase={textOf(item.properties, layer, 'phase')} />
      {keys.length > 0 && (
        <dl className="keys" aria-label={words.keyFacts}>
          {keys.map((fact) => (
            <div key={fact.name}>
              <dt>{fact.title}</dt>
              <dd>
                <Value of={fact} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {all.length > 0 && <h3>{words.attributes}</h3>}
      <dl className="facts">
        {all.map((attribute) => (
          <Fragment key={attribute.name}>
            <dt>{attribute.title}</dt>
            <dd>
              <Value of={attribute} />
            </dd>
          </Fragment>
        ))}
      </dl>
    </>
  );
}
