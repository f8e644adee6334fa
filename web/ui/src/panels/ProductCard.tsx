/** The card of a product or layer: who owns it, how fresh it is, and where other systems get it. */
import { CopyOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { Fragment, useEffect, useState } from 'react';
import { ROOT } from '../api/client';
import type { Layer, Product } from '../api/types';
import { fill, formatInstant, formatNumber, pick, useLanguage, useWords } from '../i18n';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { divisionName } from './divisions';
import { SyntheticMark } from './Marks';
import { useCopy } from './useCopy';

function Facts({ facts }: { facts: [string, React.ReactNode][] }) {
  return (
    <dl className="facts">
      {facts
        .filter(([, value]) => value !== '' && value !== null)
        .map(([name, value]) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
    </dl>
  );
}

function Endpoints({ addresses }: { addresses: [string, string][] }) {
  const words = useWords();
  const copy = useCopy();
  return (
    <>
      <h3>{words.endpoints}</h3>
      <ul className="endpoints">
        {addresses.map(([name, address]) => (
          <li key={name}>
            <span>{name}</span>
            <code title={address}>{address}</code>
            <Button type="text" size="small" icon={<CopyOutlined />} aria-label={`${words.copy}: ${name}`} onClick={() => copy(address)} />
          </li>
        ))}
      </ul>
    </>
  );
}

function productAddresses(product: Product): [string, string][] {
  const given = Object.entries(product.endpoints ?? {}).flatMap(([name, address]): [string, string][] => {
    if (Array.isArray(address)) return address.map((each) => [decodeURIComponent(each.split('/').at(-1) ?? name), each]);
    return address === null ? [] : [[name, address]];
  });
  if (given.length > 0) return given;
  const layers = product.layers.map((part) => encodeURIComponent(part.layer)).join(',');
  return [
    ['style', `${ROOT}styles/${product.code}/style.json`],
    ['tiles', `${ROOT}tiles/${layers}/{z}/{x}/{y}.mvt`],
  ];
}

/** The name with the code; the code alone until the server has answered, or when it does not know the place. */
function useDivisionName(code: string): string {
  const lang = useLanguage();
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    void divisionName(code, lang).then(setName);
  }, [code, lang]);
  return name ?? code;
}

export function ProductCard({ product }: { product: Product }) {
  const words = useWords();
  const lang = useLanguage();
  const division = useDivisionName(product.division);
  const layers = useStore(page, (state) => state.layers);
  const notes = [...new Set(product.layers.map((part) => layers[part.layer]?.accuracy_note_zh ?? '').filter((note) => note !== ''))];
  const licences = [...new Set(product.layers.map((part) => layers[part.layer]?.licence ?? '').filter((licence) => licence !== ''))];
  return (
    <div className="card">
      <p>
        {product.synthetic && <SyntheticMark />}
        {pick(lang, product.description_zh, product.description_en)}
      </p>
      <Facts
        facts={[
          [words.owner, product.owner],
          [words.updated, product.updated_on === null ? '' : formatInstant(product.updated_on)],
          [words.cycle, product.update_cycle],
          [words.scale, product.scale],
          [words.division, division],
          [words.sharing, product.sharing],
          [words.review, product.review_number],
          [words.version, `v${product.version}`],
          [words.accuracy, notes.join('；')],
          [words.licence, licences.join('；')],
        ]}
      />
      <Endpoints addresses={productAddresses(product)} />
    </div>
  );
}

export function LayerCard({ layer }: { layer: Layer }) {
  const words = useWords();
  const lang = useLanguage();
  return (
    <div className="card">
      <p>
        {layer.synthetic && <SyntheticMark />}
        {layer.description_zh}
      </p>
      <Facts
        facts={[
          [words.layerId, layer.id],
          ['', fill(words.rows, { n: formatNumber(lang, layer.count) })],
          [words.updated, layer.updated_at === null ? '' : formatInstant(layer.updated_at)],
          [words.accuracy, layer.accuracy_note_zh],
          [words.verticalDatum, layer.vertical_datum],
          [words.source, layer.attribution],
          [words.licence, layer.licence],
        ]}
      />
      <Endpoints
        addresses={[
          ['tiles', `${ROOT}tiles/${encodeURIComponent(layer.id)}/{z}/{x}/{y}.mvt`],
          ['TileJSON', `${ROOT}tiles/${encodeURIComponent(layer.id)}.json`],
          ['Features', `${ROOT}collections/${encodeURIComponent(layer.id)}/items`],
        ]}
      />
    </div>
  );
}
