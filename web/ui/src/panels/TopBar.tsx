import { BulbOutlined, MoonOutlined, TranslationOutlined } from '@ant-design/icons';
import { Button, Segmented, Tooltip } from 'antd';
import { useWords } from '../i18n';
import { setMode } from '../state/actions';
import { page, type Mode } from '../state/page';
import { useStore } from '../state/store';
import { Person } from './Person';
import { SearchBox } from './SearchBox';

/** The hash is the page's state, so the skip link moves the focus itself. */
function focusMap(event: React.MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('.maplibregl-canvas')?.focus();
}

export function TopBar({ phone }: { phone: boolean }) {
  const words = useWords();
  const mode = useStore(page, (state) => state.mode);
  const lang = useStore(page, (state) => state.lang);
  const dark = useStore(page, (state) => state.dark);
  return (
    <header className="bar">
      <a className="skip" href="#map" onClick={focusMap}>
        {words.skip}
      </a>
      <h1 className="brand">
        粤图{!phone && <span> Yuetu</span>}
      </h1>
      <SearchBox phone={phone} />
      <div className="tools">
        <Segmented<Mode>
          aria-label={words.modes}
          value={mode}
          onChange={setMode}
          options={[
            { value: '2d', label: phone ? '2D' : words.mode2d },
            { value: '3d', label: phone ? '3D' : words.mode3d },
          ]}
        />
        {!phone && (
          <Tooltip title={dark ? words.light : words.dark}>
            <Button
              type="text"
              aria-label={dark ? words.light : words.dark}
              icon={dark ? <BulbOutlined /> : <MoonOutlined />}
              onClick={() => page.set({ dark: !dark })}
            />
          </Tooltip>
        )}
        <Tooltip title={words.language}>
          <Button
            type="text"
            className="lang"
            aria-label={words.language}
            icon={<TranslationOutlined />}
            onClick={() => page.set({ lang: lang === 'zh' ? 'en' : 'zh' })}
          >
            {phone ? null : lang === 'zh' ? 'EN' : '中文'}
          </Button>
        </Tooltip>
        <Person phone={phone} />
      </div>
    </header>
  );
}
