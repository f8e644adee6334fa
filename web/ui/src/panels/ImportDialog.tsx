/** What the file is, before it goes up: the few things a reader cannot always guess. */
import { Form, Input, Modal, Select, Switch } from 'antd';
import { useWords } from '../i18n';
import { mayImport } from '../state/actions';
import { startImport, type ImportChoice } from '../state/jobs';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { AT_ONCE } from './atOnce';

const DATUMS = ['CGCS2000', 'WGS84', 'GCJ-02', 'BD-09'];
const ENCODINGS = ['UTF-8', 'GBK', 'GB18030', 'BIG5'];
const CRS = [
  ['EPSG:4490', 'CGCS2000 (4490)'],
  ['EPSG:4326', 'WGS 84 (4326)'],
  ['EPSG:3857', 'Web Mercator (3857)'],
  ['EPSG:4526', 'CGCS2000 / 3° zone 38 (4526)'],
  ['EPSG:4547', 'CGCS2000 / 3° CM 114E (4547)'],
  ['EPSG:4546', 'CGCS2000 / 3° CM 111E (4546)'],
  ['EPSG:4548', 'CGCS2000 / 3° CM 117E (4548)'],
].map(([value, label]) => ({ value, label }));

const ID = /^[\p{L}][\p{L}\p{N}_-]*$/u;

/** `Nanshan buildings.v2.geojson.gz` gives `nanshan-buildings-v2`. */
export function idOf(fileName: string): string {
  const stem = fileName.replace(/\.(gz|zip)$/i, '').replace(/\.[^.]+$/, '').toLowerCase();
  const clean = stem.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^[^\p{L}]+/u, '').replace(/-+$/, '');
  return clean === '' ? 'layer' : clean.slice(0, 40);
}

function Fields() {
  const words = useWords();
  return (
    <>
      <Form.Item
        name="layer"
        label={words.layerId}
        rules={[
          { required: true, message: words.required },
          { pattern: ID, message: words.layerIdRule },
        ]}
      >
        <Input autoFocus />
      </Form.Item>
      <Form.Item name="title_zh" label={words.layerTitle}>
        <Input />
      </Form.Item>
      <div className="two">
        <Form.Item name="datum" label={words.datum}>
          <Select allowClear placeholder={words.crsHint} options={DATUMS.map((value) => ({ value, label: value }))} />
        </Form.Item>
        <Form.Item name="crs" label={words.crs}>
          <Select allowClear showSearch placeholder={words.crsHint} options={CRS} />
        </Form.Item>
        <Form.Item name="encoding" label={words.encoding}>
          <Select allowClear placeholder={words.automatic} options={ENCODINGS.map((value) => ({ value, label: value }))} />
        </Form.Item>
        <Form.Item name="explode" label={words.explode} valuePropName="checked">
          <Switch />
        </Form.Item>
      </div>
    </>
  );
}

function Dialog({ file }: { file: File }) {
  const words = useWords();
  const [form] = Form.useForm<ImportChoice>();
  const stem = file.name.replace(/\.[^.]+$/, '');
  const start = { layer: idOf(file.name), title_zh: stem, datum: null, crs: null, encoding: null, explode: false };
  return (
    <Modal
      {...AT_ONCE}
      open
      width={480}
      title={`${words.importFile}: ${file.name}`}
      okText={words.startImport}
      cancelText={words.cancel}
      okButtonProps={{ htmlType: 'submit', form: 'import' }}
      onCancel={() => page.set({ file: null })}
      destroyOnHidden
    >
      <Form id="import" form={form} layout="vertical" requiredMark={false} initialValues={start} onFinish={(choice) => void startImport(file, choice)}>
        <Fields />
      </Form>
    </Modal>
  );
}

export function ImportDialog() {
  const file = useStore(page, (state) => state.file);
  const ready = useStore(page, (state) => state.me.name !== null && !state.me.must_change && !state.signingIn && mayImport(state.me.may));
  return file !== null && ready ? <Dialog key={file.name} file={file} /> : null;
}
