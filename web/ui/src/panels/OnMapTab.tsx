/** What is on the map, top first: order, eye, opacity, legend. */
import { FolderOpenOutlined, UploadOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useState } from 'react';
import { useWords } from '../i18n';
import { moveItem } from '../state/actions';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { chooseFile } from './DropZone';
import { OnMapRow } from './OnMapRow';

function NothingYet() {
  const words = useWords();
  return (
    <div className="nothing">
      <h2>{words.emptyMapTitle}</h2>
      <p>{words.emptyMapHint}</p>
      <Button type="primary" icon={<FolderOpenOutlined />} onClick={() => page.set({ panel: 'products', sheet: 'half' })}>
        {words.browseProducts}
      </Button>
      <Button icon={<UploadOutlined />} onClick={(event) => chooseFile(event.currentTarget)}>
        {words.chooseFile}
      </Button>
    </div>
  );
}

export function OnMapTab() {
  const items = useStore(page, (state) => state.items);
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  if (items.length === 0) return <NothingYet />;
  const drop = () => {
    if (dragged !== null && over !== null) moveItem(dragged, over);
    setDragged(null);
    setOver(null);
  };
  return (
    <ol className="stack">
      {items.map((item, at) => (
        <li
          key={`${item.kind}/${item.id}`}
          className={at === over && at !== dragged ? 'over' : undefined}
          onDragEnter={() => dragged !== null && setOver(at)}
          onDragOver={(event) => dragged !== null && event.preventDefault()}
          onDrop={drop}
        >
          <OnMapRow item={item} at={at} last={at === items.length - 1} onDrag={setDragged} onDragEnd={drop} />
        </li>
      ))}
    </ol>
  );
}
