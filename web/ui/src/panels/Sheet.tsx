/** The phone's one panel: three heights, by dragging its handle, by its button, or by choosing a tab. */
import { DownOutlined, UpOutlined } from '@ant-design/icons';
import { Button, Tabs } from 'antd';
import { useRef, useState } from 'react';
import { useWords } from '../i18n';
import { page, type Panel, type SheetHeight } from '../state/page';
import { useStore } from '../state/store';
import { Inspector } from './Inspector';
import { OnMapTab } from './OnMapTab';
import { ProductsTab } from './ProductsTab';

const ORDER: SheetHeight[] = ['low', 'half', 'full'];
const STEP_PX = 60;

function step(height: SheetHeight, by: 1 | -1): SheetHeight {
  return ORDER[Math.min(2, Math.max(0, ORDER.indexOf(height) + by))] ?? height;
}

function Handle({ height }: { height: SheetHeight }) {
  const start = useRef(0);
  const [pulled, setPulled] = useState(0);
  return (
    <div
      className={pulled === 0 ? 'handle' : 'handle pulled'}
      aria-hidden
      onPointerDown={(event) => {
        start.current = event.clientY;
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => event.currentTarget.hasPointerCapture(event.pointerId) && setPulled(event.clientY - start.current)}
      onPointerUp={() => {
        setPulled(0);
        if (Math.abs(pulled) >= STEP_PX / 2) page.set({ sheet: step(height, pulled < 0 ? 1 : -1) });
        else page.set({ sheet: height === 'low' ? 'half' : 'low' });
      }}
    />
  );
}

export function Sheet() {
  const words = useWords();
  const height = useStore(page, (state) => state.sheet);
  const panel = useStore(page, (state) => state.panel);
  const count = useStore(page, (state) => state.items.length);
  const inspecting = useStore(page, (state) => state.picked !== null || state.candidates.length > 1);
  const detail = inspecting ? [{ key: 'detail', label: words.detail, children: <Inspector /> }] : [];
  const up = height !== 'full';
  return (
    <aside className={`sheet ${height}`} aria-label={words.sheet}>
      <Handle height={height} />
      <Button
        className="panel-button"
        type="text"
        aria-label={up ? words.sheetMore : words.sheetLess}
        icon={up ? <UpOutlined /> : <DownOutlined />}
        onClick={() => page.set({ sheet: up ? step(height, 1) : 'low' })}
      />
      <Tabs
        activeKey={panel}
        onTabClick={() => height === 'low' && page.set({ sheet: 'half' })}
        onChange={(key) => page.set({ panel: key as Panel, sheet: height === 'low' ? 'half' : height })}
        items={[
          { key: 'products', label: words.products, children: <ProductsTab /> },
          { key: 'map', label: count === 0 ? words.onMap : `${words.onMap} ${count}`, children: <OnMapTab /> },
          ...detail,
        ]}
      />
    </aside>
  );
}
