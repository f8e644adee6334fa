/** From a dropped file to its import: what it is and where it lies, its fields and its layer, and the last look before it is published. */
import { CloseOutlined } from '@ant-design/icons';
import { Button, Popconfirm, Progress, Steps } from 'antd';
import { useEffect } from 'react';
import { fill, useWords } from '../../i18n';
import { mayImport } from '../../state/actions';
import { usePhone } from '../../state/media';
import { page } from '../../state/page';
import { useStore } from '../../state/store';
import { isPlain, mayStart } from '../../state/choice';
import { closeWizard, goTo, leaveWizard, openWizard, start, wizard } from '../../state/wizard';
import { ProblemNote } from '../ProblemNote';
import { useFocusInside } from '../useFocusInside';
import { ConfirmStep } from './ConfirmStep';
import { FieldsStep } from './FieldsStep';
import { FileStep } from './FileStep';

const LAST = 2;

function Waiting({ sent }: { sent: number }) {
  const words = useWords();
  const up = sent < 1;
  return (
    <div className="waiting" role="status">
      <Progress percent={up ? Math.round(sent * 100) : 100} status="active" showInfo={up} size="small" />
      <p>{up ? words.uploading : words.looking}</p>
    </div>
  );
}

/** Gives up, after asking once where something was filled in. */
function Leave() {
  const words = useWords();
  const leaving = useStore(wizard, (state) => state.leaving);
  return (
    <Popconfirm
      open={leaving}
      title={words.leaveAsk}
      description={words.leaveWhat}
      okText={words.leave}
      cancelText={words.stay}
      onConfirm={closeWizard}
      onCancel={() => wizard.set({ leaving: false })}
      onOpenChange={(open) => open || wizard.set({ leaving: false })}
    >
      <Button onClick={leaveWizard}>{words.cancel}</Button>
    </Popconfirm>
  );
}

/** The start is always there; it is the loud button where nothing asks to be looked at first. */
function Footer() {
  const words = useWords();
  const state = useStore(wizard, (value) => value);
  const { step, preview } = state;
  const loud = step === LAST || isPlain(state);
  return (
    <footer>
      <Leave />
      <span className="room" />
      {step > 0 && <Button onClick={() => goTo(step - 1)}>{words.back}</Button>}
      {step < LAST && (
        <Button type={loud ? 'default' : 'primary'} disabled={preview === null} onClick={() => goTo(step + 1)}>
          {words.next}
        </Button>
      )}
      <Button type={loud ? 'primary' : 'default'} disabled={!mayStart(state) || state.looking} onClick={start}>
        {words.startImport}
      </Button>
    </footer>
  );
}

function Body() {
  const { step, preview, problem, sent } = useStore(wizard, (value) => value);
  return (
    <div className="side-body">
      {problem !== null && <ProblemNote problem={problem} />}
      {preview === null && problem === null && <Waiting sent={sent} />}
      {preview !== null && step === 0 && <FileStep preview={preview} />}
      {preview !== null && step === 1 && <FieldsStep preview={preview} />}
      {preview !== null && step === LAST && <ConfirmStep preview={preview} />}
    </div>
  );
}

function Wizard({ file }: { file: File }) {
  const words = useWords();
  const step = useStore(wizard, (state) => state.step);
  const looking = useStore(wizard, (state) => state.looking);
  const seen = useStore(wizard, (state) => state.preview !== null);
  const phone = usePhone();
  const panel = useFocusInside<HTMLElement>();
  const steps = [words.stepFile, words.stepFields, words.stepConfirm].map((title, at) => ({ title: phone && at !== step ? '' : title }));
  return (
    <aside ref={panel} tabIndex={-1} className="side wizard" role="dialog" aria-label={`${words.importFile}: ${file.name}`} aria-busy={looking}>
      <header>
        <h2 title={file.name}>
          {words.importFile} <span>{file.name}</span>
        </h2>
        <Button type="text" size="small" icon={<CloseOutlined />} aria-label={words.close} onClick={leaveWizard} />
      </header>
      <Steps size="small" responsive={false} current={step} items={steps} onChange={(to) => seen && goTo(to)} aria-label={fill(words.stepOf, { n: step + 1 })} />
      <div className={looking && seen ? 'line busy' : 'line'} aria-hidden />
      <Body />
      <Footer />
    </aside>
  );
}

export function ImportWizard() {
  const file = useStore(page, (state) => state.file);
  const ready = useStore(page, (state) => state.me.name !== null && !state.me.must_change && !state.signingIn && mayImport(state.me.may));
  useEffect(() => {
    if (file !== null && ready) openWizard(file);
  }, [file, ready]);
  return file !== null && ready ? <Wizard file={file} /> : null;
}
