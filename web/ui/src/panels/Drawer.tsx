/** The left drawer: what there is, and what is on the map. */
import { LeftOutlined, RightOutlined } from '@ant-design/icons';
import { Button, Tabs } from 'antd';
import { useWords } from '../i18n';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { OnMapTab } from './OnMapTab';
import { ProductsTab } from './ProductsTab';

export function Drawer() {
  const words = useWords();
  const open = useStore(page, (state) => state.drawerOpen);
  const panel = useStore(page, (state) => (state.panel === 'products' ? 'products' : 'map'));
  const count = useStore(page, (state) => state.items.length);
  if (!open) {
    return (
      <Button
        className="drawer-open"
        aria-label={words.openDrawer}
        title={words.openDrawer}
        icon={<RightOutlined />}
        onClick={() => page.set({ drawerOpen: true })}
      />
    );
  }
  return (
    <aside className="drawer" aria-label={words.drawer}>
      <Button
        className="panel-button"
        type="text"
        aria-label={words.closeDrawer}
        title={words.closeDrawer}
        icon={<LeftOutlined />}
        onClick={() => page.set({ drawerOpen: false })}
      />
      <Tabs
        activeKey={panel}
        onChange={(key) => page.set({ panel: key === 'map' ? 'map' : 'products' })}
        items={[
          { key: 'products', label: words.products, children: <ProductsTab /> },
          { key: 'map', label: count === 0 ? words.onMap : `${words.onMap} ${count}`, children: <OnMapTab /> },
        ]}
      />
    </aside>
  );
}
