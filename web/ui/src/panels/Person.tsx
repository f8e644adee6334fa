import { HistoryOutlined, LoginOutlined, LogoutOutlined, MoonOutlined, UploadOutlined, UserOutlined } from '@ant-design/icons';
import { Button, Dropdown, type MenuProps } from 'antd';
import { useRef } from 'react';
import { useWords } from '../i18n';
import { mayImport, signOut } from '../state/actions';
import { rememberOpener } from '../state/focus';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { chooseFile } from './DropZone';

export function Person({ phone }: { phone: boolean }) {
  const words = useWords();
  const me = useStore(page, (state) => state.me);
  const dark = useStore(page, (state) => state.dark);
  const button = useRef<HTMLButtonElement>(null);
  const openHistory = () => {
    rememberOpener(button.current);
    page.set({ history: true });
  };
  if (me.name === null && !phone) {
    return (
      <Button icon={<LoginOutlined />} onClick={() => page.set({ signingIn: true })}>
        {words.signIn}
      </Button>
    );
  }
  const theme = { key: 'theme', icon: <MoonOutlined />, label: dark ? words.light : words.dark, onClick: () => page.set({ dark: !dark }) };
  const inside = [
    mayImport(me.may) ? { key: 'import', icon: <UploadOutlined />, label: words.importFile, onClick: () => chooseFile(button.current) } : null,
    mayImport(me.may) ? { key: 'history', icon: <HistoryOutlined />, label: words.importHistory, onClick: openHistory } : null,
    { key: 'out', icon: <LogoutOutlined />, label: words.signOut, onClick: () => void signOut() },
  ];
  const outside = [{ key: 'in', icon: <LoginOutlined />, label: words.signIn, onClick: () => page.set({ signingIn: true }) }];
  const items: MenuProps['items'] = [...(phone ? [theme] : []), ...(me.name === null ? outside : inside)];
  return (
    <Dropdown menu={{ items }} trigger={['click']} placement="bottomRight">
      <Button ref={button} type="text" icon={<UserOutlined />} aria-label={me.name ?? words.account}>
        {phone ? null : me.name}
      </Button>
    </Dropdown>
  );
}
