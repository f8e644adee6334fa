import { App } from 'antd';
import { useWords } from '../i18n';

/** Plain http on an intranet has no clipboard interface, so the old way stands behind the new one. */
async function write(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    );
  }
  const field = document.createElement('textarea');
  field.value = text;
  field.style.position = 'fixed';
  document.body.append(field);
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

export function useCopy(): (text: string) => void {
  const { message } = App.useApp();
  const words = useWords();
  return (text) => {
    void write(text).then((done) => (done ? message.success(words.copied) : message.warning(words.copyFailed)));
  };
}
