import { EyeInvisibleOutlined, EyeOutlined, HolderOutlined, MoreOutlined } from '@ant-design/icons';
import { Button, Dropdown, Popover, Slider, type MenuProps } from 'antd';
import { useState } from 'react';
import type { Layer, Product } from '../api/types';
import { fill, titleOf, useLanguage, useWords } from '../i18n';
import { nightSymbol } from '../map/night';
import { parts, phaseField } from '../map/style';
import { boundsOf, changeItem, moveItem, removeItem, showItem } from '../state/actions';
import { page, type MapItem } from '../state/page';
import { useStore } from '../state/store';
import { Legend } from './Legend';
import { LayerCard, ProductCard } from './ProductCard';

interface RowProps {
  item: MapItem;
  at: number;
  last: boolean;
  onDrag: (at: number | null) => void;
  onDragEnd: () => void;
}

interface Subject {
  product: Product | undefined;
  layer: Layer | undefined;
  title: string;
}

function useSubject(item: MapItem): Subject {
  const lang = useLanguage();
  const product = useStore(page, (state) => (item.kind === 'product' ? state.products?.find((each) => each.code === item.id) : undefined));
  const layer = useStore(page, (state) => (item.kind === 'layer' ? state.layers[item.id] : undefined));
  const thing = product ?? layer;
  return { product, layer, title: thing === undefined ? item.id : titleOf(lang, thing) };
}

function useMenu(item: MapItem, at: number, last: boolean, showCard: () => void): MenuProps['items'] {
  const words = useWords();
  const bounds = boundsOf(item);
  return [
    { key: 'zoom', label: words.zoomTo, disabled: bounds === null, onClick: () => showItem(item) },
    { key: 'card', label: words.card, onClick: showCard },
    { key: 'up', label: words.moveUp, disabled: at === 0, onClick: () => moveItem(at, at - 1) },
    { key: 'down', label: words.moveDown, disabled: last, onClick: () => moveItem(at, at + 1) },
    { type: 'divider' },
    { key: 'remove', label: words.removeFromMap, danger: true, onClick: () => removeItem(item.kind, item.id) },
  ];
}

function Part({ item, part, single }: { item: MapItem; part: ReturnType<typeof parts>[number]; single: boolean }) {
  const words = useWords();
  const lang = useLanguage();
  const layer = useStore(page, (state) => state.layers[part.layer]);
  const dark = useStore(page, (state) => state.dark);
  const zoom = useStore(page, (state) => Math.floor(state.camera.zoom));
  const on = !item.off.includes(part.layer);
  const title = layer === undefined ? part.layer : titleOf(lang, layer);
  const from = Math.max(part.min_zoom ?? 0, layer?.min_zoom ?? 0);
  const toggle = () => changeItem(item.kind, item.id, { off: on ? [...item.off, part.layer] : item.off.filter((id) => id !== part.layer) });
  return (
    <div className={on ? 'part' : 'part off'}>
      {!single && (
        <button type="button" className="part-title" onClick={toggle} aria-pressed={on} title={on ? words.hide : words.show}>
          {on ? <EyeOutlined /> : <EyeInvisibleOutlined />} {title}
        </button>
      )}
      {zoom < from && <p className="hint">{fill(words.visibleFrom, { z: from })}</p>}
      {on && <Legend symbol={dark ? nightSymbol(part.symbol) : part.symbol} title={title} phased={phaseField(layer) !== null && (part.symbol.kind === 'extrusion' || part.symbol.kind === 'fill')} />}
    </div>
  );
}

export function OnMapRow({ item, at, last, onDrag, onDragEnd }: RowProps) {
  const words = useWords();
  const { product, layer, title } = useSubject(item);
  const products = useStore(page, (state) => state.products);
  const layers = useStore(page, (state) => state.layers);
  const [card, setCard] = useState(false);
  const menu = useMenu(item, at, last, () => setCard(true));
  const list = parts(item, products ?? [], layers);
  const content = product !== undefined ? <ProductCard product={product} /> : layer !== undefined ? <LayerCard layer={layer} /> : null;
  return (
    <article className={item.visible ? 'row' : 'row hidden'} aria-label={title}>
      <header>
        <span className="grip" draggable title={words.dragHint} onDragStart={() => onDrag(at)} onDragEnd={onDragEnd} aria-hidden>
          <HolderOutlined />
        </span>
        <Popover open={card} onOpenChange={setCard} content={content} title={title} trigger={[]} placement="right" classNames={{ root: 'card-popover' }} destroyOnHidden>
          <b title={title}>{title}</b>
        </Popover>
        <Button
          type="text"
          size="small"
          aria-label={`${item.visible ? words.hide : words.show}: ${title}`}
          aria-pressed={item.visible}
          icon={item.visible ? <EyeOutlined /> : <EyeInvisibleOutlined />}
          onClick={() => changeItem(item.kind, item.id, { visible: !item.visible })}
        />
        <Dropdown menu={{ items: menu }} trigger={['click']} placement="bottomRight">
          <Button type="text" size="small" aria-label={`${words.more}: ${title}`} icon={<MoreOutlined />} />
        </Dropdown>
      </header>
      {list.length === 0 && products !== null && <p className="hint">{words.unavailable}</p>}
      {item.visible && list.length > 0 && (
        <>
          <Slider
            min={0}
            max={100}
            value={Math.round(item.opacity * 100)}
            tooltip={{ formatter: (value) => `${words.opacity} ${value ?? 0}%` }}
            ariaLabelForHandle={`${words.opacity}: ${title}`}
            onChange={(value: number) => changeItem(item.kind, item.id, { opacity: value / 100 })}
          />
          {list.map((part) => (
            <Part key={part.layer} item={item} part={part} single={list.length === 1} />
          ))}
        </>
      )}
    </article>
  );
}
