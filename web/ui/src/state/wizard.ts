/** The import under preparation: the file goes up once and is looked at; every choice that changes how it is read is looked at again. */
import { api, ApiError, upload } from '../api/client';
import type { Preview, Problem } from '../api/types';
import { flyToBounds } from '../map/handle';
import { begin, isFilled, lookOptions, NOTHING, optionsOf, stemOf, type Choice } from './choice';
import { importFile, importKept } from './jobs';
import { page } from './page';
import { Store } from './store';

export interface Wizard {
  file: File | null;
  step: number;
  /** Share of the file that has gone up. */
  sent: number;
  looking: boolean;
  preview: Preview | null;
  problem: Partial<Problem> | null;
  choice: Choice;
  /** Whether it asks before it closes and forgets what was filled in. */
  leaving: boolean;
}

const CLOSED: Wizard = { file: null, step: 0, sent: 0, looking: false, preview: null, problem: null, choice: NOTHING, leaving: false };

export const wizard = new Store<Wizard>(CLOSED);

const TYPING_MS = 500;
/** Choices after which the file is read in another way, or its columns mean something else. */
const READ_BY: (keyof Choice)[] = ['crs', 'datum', 'axis_order', 'encoding', 'table', 'explode', 'layer'];

let asking: AbortController | null = null;
let timer = 0;

/** Ask for a look and show it, unless another was asked for meanwhile. */
async function look(ask: (signal: AbortSignal) => Promise<Preview>): Promise<void> {
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  wizard.set({ looking: true, problem: null });
  try {
    const preview = await ask(mine.signal);
    if (asking !== mine) return;
    const first = wizard.get().preview === null;
    wizard.set({ preview: preview.refusal === null ? preview : kept(preview), looking: false, problem: preview.refusal && asProblem(preview.refusal) });
    page.set({ trial: preview.shapes });
    keepTitle(preview.known);
    if (preview.bounds !== null) flyToBounds(preview.bounds, { gently: !first });
  } catch (error) {
    if (asking !== mine) return;
    if (!(error instanceof ApiError)) throw error;
    wizard.set({ looking: false, problem: error.problem });
  }
}

/** A layer that is there keeps its title unless another is typed; a new one is called as its file. */
function keepTitle(known: boolean): void {
  const { file, choice } = wizard.get();
  const own = stemOf(file?.name ?? '');
  if (choice.title_zh === (known ? own : '')) wizard.set({ choice: { ...choice, title_zh: known ? '' : own } });
}

/** What was known of the file before a choice under which it cannot be read. */
const kept = (refused: Preview): Preview => ({ ...(wizard.get().preview ?? refused), upload: refused.upload, refusal: refused.refusal });

function asProblem(refusal: NonNullable<Preview['refusal']>): Partial<Problem> {
  return { ...refusal, title: refusal.title_zh, detail: refusal.detail_zh };
}

export function openWizard(file: File): void {
  if (wizard.get().file === file) return;
  const choice = begin(file.name);
  wizard.set({ ...CLOSED, file, choice });
  void look((signal) => upload<Preview>('imports/preview', file, lookOptions(choice), (sent) => wizard.get().file === file && wizard.set({ sent }), signal));
}

export function closeWizard(): void {
  asking?.abort();
  asking = null;
  clearTimeout(timer);
  wizard.set(CLOSED);
  page.set({ file: null, trial: null });
}

/** Close, but ask once where something would be lost. */
export function leaveWizard(): void {
  const { file, choice } = wizard.get();
  if (file !== null && isFilled(choice, file.name)) wizard.set({ leaving: true });
  else closeWizard();
}

export function goTo(step: number): void {
  wizard.set({ step });
}

/** Take a choice; what is typed is looked at when the typing stops. */
export function choose(patch: Partial<Choice>): void {
  const choice = { ...wizard.get().choice, ...patch };
  const forgets: Partial<Choice> = 'encoding' in patch || 'table' in patch ? { match: {}, roles: {}, code_lists: {}, key: '' } : {};
  wizard.set({ choice: { ...choice, ...forgets } });
  if (READ_BY.some((name) => name in patch)) lookAgain('layer' in patch ? TYPING_MS : 0);
}

export function lookAgain(after = 0): void {
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const { preview, choice } = wizard.get();
    if (preview === null) return;
    void look((signal) => api.look(preview.upload, lookOptions(choice), signal));
  }, after);
}

/** Queue the import of the kept file; the wizard closes and the job's card takes over. */
export function start(): void {
  const { file, preview, choice } = wizard.get();
  if (file === null) return;
  const options = optionsOf(choice, preview);
  closeWizard();
  void (preview === null ? importFile(file, options) : importKept(file.name, preview.upload, options));
}
