/** Signing in, and the new password a first sign-in asks for. */
import { Alert, App, Button, Form, Input, Modal } from 'antd';
import { useState } from 'react';
import { ApiError } from '../api/client';
import type { Problem } from '../api/types';
import { useWords } from '../i18n';
import { changePassword, signIn } from '../state/actions';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { AT_ONCE } from './atOnce';
import { ProblemNote } from './ProblemNote';

const SHORTEST = 10;

/** Run a request from a form; what the server refuses is shown above the fields. */
function useRequest(): [Problem | null, boolean, (work: () => Promise<void>) => Promise<void>] {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.problem);
    } finally {
      setBusy(false);
    }
  };
  return [problem, busy, run];
}

function LoginForm({ onSecret }: { onSecret: (password: string) => void }) {
  const words = useWords();
  const [problem, busy, run] = useRequest();
  const waiting = useStore(page, (state) => state.file !== null);
  const submit = ({ name, password }: { name: string; password: string }) =>
    run(async () => {
      await signIn(name, password);
      onSecret(password);
      if (!page.get().me.must_change) page.set({ signingIn: false });
    });
  return (
    <Form layout="vertical" requiredMark={false} onFinish={submit}>
      {waiting && <Alert type="info" showIcon title={words.signInFirst} className="gap" />}
      {problem !== null && <ProblemNote problem={problem} />}
      <Form.Item name="name" label={words.account} rules={[{ required: true, message: words.required }]}>
        <Input autoComplete="username" autoFocus />
      </Form.Item>
      <Form.Item name="password" label={words.password} rules={[{ required: true, message: words.required }]}>
        <Input.Password autoComplete="current-password" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {words.signIn}
      </Button>
    </Form>
  );
}

function PasswordForm({ old }: { old: string }) {
  const words = useWords();
  const { message } = App.useApp();
  const [problem, busy, run] = useRequest();
  const submit = (values: { old?: string; fresh: string }) =>
    run(async () => {
      await changePassword(values.old ?? old, values.fresh);
      page.set({ signingIn: false });
      message.success(words.passwordChanged);
    });
  return (
    <Form layout="vertical" requiredMark={false} onFinish={submit}>
      {problem !== null && <ProblemNote problem={problem} />}
      {old === '' && (
        <Form.Item name="old" label={words.oldPassword} rules={[{ required: true, message: words.required }]}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
      )}
      <Form.Item name="fresh" label={words.newPassword} extra={words.passwordShort} rules={[{ required: true, min: SHORTEST, message: words.passwordShort }]}>
        <Input.Password autoComplete="new-password" autoFocus />
      </Form.Item>
      <Form.Item
        name="again"
        label={words.repeatPassword}
        dependencies={['fresh']}
        rules={[
          ({ getFieldValue }) => ({
            validator: (_, value) => (value === getFieldValue('fresh') ? Promise.resolve() : Promise.reject(new Error(words.passwordDiffers))),
          }),
        ]}
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {words.save}
      </Button>
    </Form>
  );
}

export function SignIn() {
  const words = useWords();
  const open = useStore(page, (state) => state.signingIn || state.me.must_change);
  const mustChange = useStore(page, (state) => state.me.must_change);
  const [secret, setSecret] = useState('');
  const close = () => page.set({ signingIn: false, file: page.get().me.name === null ? null : page.get().file });
  return (
    <Modal
      {...AT_ONCE}
      open={open}
      width={380}
      footer={null}
      title={mustChange ? words.changeTitle : words.signInTitle}
      closable={!mustChange}
      mask={{ closable: !mustChange }}
      keyboard={!mustChange}
      onCancel={close}
      afterClose={() => setSecret('')}
      destroyOnHidden
    >
      {mustChange ? <PasswordForm old={secret} /> : <LoginForm onSecret={setSecret} />}
    </Modal>
  );
}
