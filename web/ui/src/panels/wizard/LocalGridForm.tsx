/** The parameters of a city's own grid, which no file carries: typed in their fields, put together as one reference system. */
import { AutoComplete, Button, Collapse, Form, Input } from 'antd';
import { useState } from 'react';
import { useWords } from '../../i18n';
import { useStore } from '../../state/store';
import { badParts, gridOf, gridText, isLocal, type LocalGrid } from '../../state/localGrid';
import { choose, wizard } from '../../state/wizard';
import { PROJECTED } from './references';

type Part = Exclude<keyof LocalGrid, 'base'>;

const PARTS: Part[] = ['dx', 'dy', 'rotation', 'scale', 'x0', 'y0'];
const EXAMPLES: Record<Part, string> = { dx: '484000.5', dy: '2477000.2', rotation: '1°02′03″', scale: '1', x0: '0', y0: '0' };

function Fields({ crs }: { crs: string }) {
  const words = useWords();
  const [grid, setGrid] = useState(() => gridOf(crs));
  const bad = badParts(grid);
  const take = (patch: Partial<LocalGrid>) => setGrid({ ...grid, ...patch });
  const status = (name: keyof LocalGrid) => (grid[name] !== '' && bad.includes(name) ? 'error' : '');
  return (
    <Form layout="vertical" component="div" requiredMark={false}>
      <p className="known">{words.localGridHint}</p>
      <Form.Item label={words.gridParts.base} validateStatus={status('base')}>
        <AutoComplete aria-label={words.gridParts.base} value={grid.base} placeholder="EPSG:4547" options={PROJECTED} onChange={(base: string) => take({ base })} />
      </Form.Item>
      <div className="two">
        {PARTS.map((name) => (
          <Form.Item key={name} label={words.gridParts[name]} htmlFor={`grid-${name}`} validateStatus={status(name)}>
            <Input id={`grid-${name}`} inputMode={name === 'rotation' ? 'text' : 'decimal'} value={grid[name]} placeholder={EXAMPLES[name]} onChange={(event) => take({ [name]: event.target.value })} />
          </Form.Item>
        ))}
      </div>
      <Button disabled={bad.length > 0 || gridText(grid) === crs} onClick={() => choose({ crs: gridText(grid) })}>
        {words.useLocalGrid}
      </Button>
    </Form>
  );
}

/** Closed until it is wanted; written anew when the reference system is chosen elsewhere. */
export function LocalGridForm() {
  const words = useWords();
  const crs = useStore(wizard, (state) => state.choice.crs);
  const said = isLocal(crs);
  const items = [{ key: 'grid', label: words.localGrid, children: <Fields key={said ? crs : ''} crs={crs} /> }];
  return <Collapse className="wide gap" size="small" items={items} defaultActiveKey={said ? ['grid'] : []} />;
}
