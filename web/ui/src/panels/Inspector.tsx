/** The picked thing: title, code, key facts, then everything; or the list when a click met several. */
import { ArrowLeftOutlined, CloseOutlined, LinkOutlined } from '@ant-design/icons';
import { Button, Skeleton } from 'antd';
import { itemPath, ROOT } from '../api/client';
import { textOf } from '../api/roles';
import type { Item, Layer } from '../api/types';
import { fill, pick, titleOf, useLanguage, useWords } from '../i18n';
import { closeInspector, pickObject } from '../state/actions';
import { page, type Candidate } from '../state/page';
import { useStore } from '../state/store';
import { Attributes } from './Attributes';
import { validityOf } from './attribute';
import { SyntheticMark } from './Marks';
import { ProblemNote } from './ProblemNote';
import { useCopy } from './useCopy';

function Candidates({ list }: { list: Candidate[] }) {
  const words = useWords();
  const lang = useLanguage();
  const layers = useStore(page, (state) => state.layers);
  return (
    <div className="inspect">
      <Head title={fill(words.hitsHere, { n: list.length })} />
      <ul className="candidates">
        {list.map((each) => {
          const layer = layers[each.layer];
          const kind = layer === undefined ? each.layer : titleOf(lang, layer);
          return (
            <li key={`${each.layer}/${each.oid}`}>
              <button type="button" onClick={() => pickObject(each)}>
                <span>{each.title === '' ? kind : each.title}</span>
                <small>{kind}</small>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Head({ title, back = false }: { title: string; back?: boolean }) {
  const words = useWords();
  return (
    <header>
      {back && <Button type="text" icon={<ArrowLeftOutlined />} aria-label={words.backToList} onClick={() => page.set({ picked: null })} />}
      <h2>{title}</h2>
      <Button type="text" icon={<CloseOutlined />} aria-label={words.close} onClick={closeInspector} />
    </header>
  );
}

function Marks({ layer }: { layer: Layer | undefined }) {
  const words = useWords();
  if (layer === undefined) return null;
  const source = [layer.attribution, layer.accuracy_note_zh, layer.vertical_datum].filter((part) => part !== '').join(' · ');
  return (
    <p className="marks-line">
      {layer.synthetic && <SyntheticMark />}
      {source !== '' && `${words.source}: ${source}`}
    </p>
  );
}

function Details({ item, layer, layerId }: { item: Item; layer: Layer | undefined; layerId: string }) {
  const words = useWords();
  const lang = useLanguage();
  const copy = useCopy();
  const several = useStore(page, (state) => state.candidates.length > 1);
  const kind = layer === undefined ? layerId : titleOf(lang, layer);
  const code = textOf(item.properties, layer, 'code');
  return (
    <div className="inspect">
      <Head title={textOf(item.properties, layer, 'name') || kind} back={several} />
      {code !== '' && (
        <button type="button" className="code" title={words.copy} onClick={() => copy(code)}>
          {words.code} <b>{code}</b>
        </button>
      )}
      <Attributes item={item} layer={layer} />
      <dl className="facts">
        <dt>{words.layer}</dt>
        <dd>{kind}</dd>
        {item.time !== undefined && (
          <>
            <dt>{words.validity}</dt>
            <dd>{validityOf(item.time.interval, words)}</dd>
          </>
        )}
      </dl>
      <Marks layer={layer} />
      <footer>
        <Button icon={<LinkOutlined />} onClick={() => copy(location.href)}>
          {words.copyLink}
        </Button>
        <Button type="link" href={ROOT + itemPath(layerId, Number(item.id))} target="_blank" rel="noreferrer">
          {words.asJson}
        </Button>
      </footer>
    </div>
  );
}

export function Inspector() {
  const words = useWords();
  const lang = useLanguage();
  const picked = useStore(page, (state) => state.picked);
  const candidates = useStore(page, (state) => state.candidates);
  const item = useStore(page, (state) => state.item);
  const problem = useStore(page, (state) => state.itemProblem);
  const layer = useStore(page, (state) => (picked === null ? undefined : state.layers[picked.layer]));
  if (picked === null) return <Candidates list={candidates} />;
  if (item !== null) return <Details item={item} layer={layer} layerId={picked.layer} />;
  const several = candidates.length > 1;
  return (
    <div className="inspect" aria-busy={problem === null}>
      <Head title={layer === undefined ? picked.layer : titleOf(lang, layer)} back={several} />
      {problem === null ? (
        <Skeleton active paragraph={{ rows: 6 }} title={false} />
      ) : problem.status === 404 ? (
        <p>{words.gone}</p>
      ) : (
        <ProblemNote problem={{ ...problem, title: pick(lang, problem.title, problem.title_en) }} />
      )}
    </div>
  );
}
