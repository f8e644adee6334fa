import { App as AntApp, ConfigProvider } from 'antd';
import enGB from 'antd/locale/en_GB';
import zhCN from 'antd/locale/zh_CN';
import { useEffect } from 'react';
import { listenToServer } from './api/events';
import { useWords } from './i18n';
import { flyTo } from './map/handle';
import { Shell } from './panels/Shell';
import { loadPicked } from './state/actions';
import { loadCatalogue, loadMe, takeEvent } from './state/catalogue';
import { followUrl } from './state/history';
import { listenToKeys } from './state/keys';
import { usePhone } from './state/media';
import { page } from './state/page';
import { useStore } from './state/store';
import { themeOf } from './theme';

/** The page lives as long as its tab, so its wires are laid once, before anything is drawn. */
const leaveUrl = followUrl(flyTo);

/** Keys, address and events; the stream is opened anew for each caller, because the server decides by caller what it tells. */
function useWires(): void {
  useEffect(() => {
    void loadMe().then(loadCatalogue);
    const wires = [listenToKeys(), leaveUrl];
    return () => wires.forEach((leave) => leave());
  }, []);
  const name = useStore(page, (state) => state.me.name);
  useEffect(() => listenToServer({ onEvent: takeEvent, onReturn: () => void loadCatalogue() }), [name]);
}

/** The document itself knows language and theme, for screen readers and the style sheet. */
function useDocument(lang: string, dark: boolean): void {
  const words = useWords();
  useEffect(() => {
    document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
    document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
    document.title = words.name;
  }, [lang, dark, words]);
}

function usePickedItem(): void {
  const picked = useStore(page, (state) => state.picked);
  useEffect(() => {
    if (picked === null) page.set({ item: null, itemProblem: null });
    else void loadPicked(picked);
  }, [picked]);
}

export function App() {
  const lang = useStore(page, (state) => state.lang);
  const dark = useStore(page, (state) => state.dark);
  const phone = usePhone();
  useWires();
  useDocument(lang, dark);
  usePickedItem();
  return (
    <ConfigProvider theme={themeOf(dark, phone)} locale={lang === 'zh' ? zhCN : enGB} button={{ autoInsertSpace: false }}>
      <AntApp className="app">
        <Shell phone={phone} />
      </AntApp>
    </ConfigProvider>
  );
}
