import { InfoCircleOutlined, MinusOutlined, PlusOutlined } from '@ant-design/icons';
import { Button, Popover } from 'antd';
import type { Layer, Product } from '../api/types';
import { fill, formatNumber, titleOf, useLanguage, useWords } from '../i18n';
import { addItem, isOnMap, removeItem } from '../state/actions';
import { page, type MapItem } from '../state/page';
import { useStore } from '../state/store';
import { SyntheticMark } from './Marks';
import { LayerCard, ProductCard } from './ProductCard';

interface RowProps {
  kind: MapItem['kind'];
  id: string;
  title: string;
  note: string;
  synthetic: boolean;
  card: React.ReactNode;
}

function Row({ kind, id, title, note, synthetic, card }: RowProps) {
  const words = useWords();
  const on = useStore(page, (state) => isOnMap(state.items, kind, id));
  const toggle = () => (on ? removeItem(kind, id) : addItem(kind, id));
  return (
    <li className={on ? 'entry on' : 'entry'} data-code={id}>
      <button type="button" className="entry-title" onClick={toggle} aria-pressed={on}>
        <span>{title}</span>
        <small>
          {synthetic && <SyntheticMark />}
          {note}
        </small>
      </button>
      <Popover content={card} title={title} trigger="click" placement="right" classNames={{ root: 'card-popover' }} destroyOnHidden>
        <Button type="text" size="small" icon={<InfoCircleOutlined />} aria-label={`${words.card}: ${title}`} />
      </Popover>
      <Button
        type="text"
        size="small"
        className="add"
        icon={on ? <MinusOutlined /> : <PlusOutlined />}
        aria-label={`${on ? words.removeFromMap : words.addToMap}: ${title}`}
        title={on ? words.removeFromMap : words.addToMap}
        onClick={toggle}
      />
    </li>
  );
}

export function ProductRow({ product }: { product: Product }) {
  const lang = useLanguage();
  return (
    <Row
      kind="product"
      id={product.code}
      title={titleOf(lang, product)}
      note={product.owner}
      synthetic={product.synthetic}
      card={<ProductCard product={product} />}
    />
  );
}

export function LayerRow({ layer }: { layer: Layer }) {
  const lang = useLanguage();
  const words = useWords();
  return (
    <Row
      kind="layer"
      id={layer.id}
      title={titleOf(lang, layer)}
      note={fill(words.rows, { n: formatNumber(lang, layer.count) })}
      synthetic={layer.synthetic}
      card={<LayerCard layer={layer} />}
    />
  );
}
