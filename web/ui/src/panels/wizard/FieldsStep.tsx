/** Step 2: the layer, and for every column the field it fills and what it means. */
import { Alert, AutoComplete, Form, Input, Segmented, Select, Table, Tag } from 'antd';
import type { Field, Layer, Preview, PreviewColumn } from '../../api/types';
import { fill, formatNumber, titleOf, useLanguage, useWords, type Words } from '../../i18n';
import { page } from '../../state/page';
import { useStore } from '../../state/store';
import { doubledFields, fieldFor, isLayerId, roleFor, without, type Choice, type Mode } from '../../state/choice';
import { choose, wizard } from '../../state/wizard';
import { CodeListChoice } from './CodeListChoice';
import { shown } from './Sample';

const ROLES = ['code', 'name', 'class', 'division', 'height', 'base_height', 'floors', 'population', 'phase', 'plan', 'valid_from', 'valid_to', 'key'];
const LEFT_OUT = '\0';

function LayerChoice({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const { layer, title_zh, mode } = useStore(wizard, (state) => state.choice);
  const layers = useStore(page, (state) => state.layers);
  const known = layers[layer];
  const listed = Object.values(layers).map((each) => ({ value: each.id, label: `${each.id}  ${titleOf(lang, each)}` }));
  const modes = (['diff', 'append', 'replace'] as const).map((value) => ({ value, label: words.modes3[value] }));
  return (
    <Form layout="vertical" component="div" requiredMark={false}>
      <div className="two">
        <Form.Item
          label={words.layerId}
          htmlFor="wizard-layer"
          validateStatus={isLayerId(layer) ? '' : 'error'}
          help={isLayerId(layer) ? undefined : words.layerIdRule}
        >
          <AutoComplete
            id="wizard-layer"
            value={layer}
            onChange={(value: string) => choose({ layer: value })}
            options={listed}
            showSearch={{ filterOption: (text, option) => (option?.label ?? '').toLowerCase().includes(text.toLowerCase()) }}
          />
        </Form.Item>
        <Form.Item label={words.layerTitle} htmlFor="wizard-title">
          <Input id="wizard-title" value={title_zh} placeholder={known?.title_zh} onChange={(event) => choose({ title_zh: event.target.value })} />
        </Form.Item>
      </div>
      <p className="known">{known !== undefined || preview.known ? fill(words.knownLayer, { t: known?.title_zh ?? layer, n: formatNumber(lang, known?.count ?? 0) }) : words.newLayer}</p>
      {preview.known_rows && (
        <Form.Item label={words.mode} extra={words.modeHint[mode]}>
          <Segmented<Mode> value={mode} onChange={(value) => choose({ mode: value })} options={modes} />
        </Form.Item>
      )}
    </Form>
  );
}

function FieldChoice({ column, choice, known }: { column: PreviewColumn; choice: Choice; known: Layer | undefined }) {
  const words = useWords();
  const lang = useLanguage();
  const value = fieldFor(choice, column);
  const fields = (known?.fields ?? []).map((field) => ({ value: field.name, label: titleOf(lang, field) === field.name ? field.name : `${field.name}  ${titleOf(lang, field)}` }));
  const own = fields.some((field) => field.value === column.name) ? [] : [{ value: column.name, label: fill(words.newField, { f: column.name }) }];
  const renamed = [...fields, ...own].some((option) => option.value === value) || value === '' ? [] : [{ value, label: value }];
  const take = (field: string) => choose({ match: field === LEFT_OUT ? { ...choice.match, [column.name]: '' } : { ...choice.match, [column.name]: field } });
  return (
    <Select
      aria-label={fill(words.fieldOfColumn, { c: column.name })}
      value={value === '' ? LEFT_OUT : value}
      onChange={take}
      showSearch
      options={[...fields, ...own, ...renamed, { value: LEFT_OUT, label: words.leaveOut }]}
      popupMatchSelectWidth={false}
    />
  );
}

/** A field that is there keeps its meaning. */
function RoleChoice({ column, choice, known }: { column: PreviewColumn; choice: Choice; known: Field | undefined }) {
  const words = useWords();
  const value = roleFor(choice, column, known);
  const take = (role: string) => choose({ roles: role === (column.role ?? '') ? without(choice.roles, column.name) : { ...choice.roles, [column.name]: role } });
  return (
    <Select
      aria-label={fill(words.roleOfColumn, { c: column.name })}
      value={value}
      disabled={known !== undefined || fieldFor(choice, column) === ''}
      onChange={take}
      options={[{ value: '', label: '—' }, ...ROLES.map((role) => ({ value: role, label: words.roles[role] ?? role }))]}
      popupMatchSelectWidth={false}
    />
  );
}

const example = (preview: Preview, at: number): string => {
  const found = preview.sample.map((row) => row[at]).find((value) => value !== null && value !== undefined && value !== '');
  return shown(found).slice(0, 40);
};

/** Where a value must change its type to fit the field, it may not fit. */
function Casts({ column, target, said, words }: { column: PreviewColumn; target: Field | undefined; said: boolean; words: Words }) {
  const casts = target !== undefined && target.type !== column.type && target.type !== 'text' && !(target.type === 'number' && column.type === 'integer');
  return (
    <>
      {!said && column.why !== '' && column.why !== 'same' && column.why !== 'said' && <Tag color="blue">{words.why[column.why]}</Tag>}
      {casts && <Tag color="orange">{fill(words.casts, { a: words.types[column.type] ?? column.type, b: words.types[target.type] ?? target.type })}</Tag>}
    </>
  );
}

export function FieldsStep({ preview }: { preview: Preview }) {
  const words = useWords();
  const choice = useStore(wizard, (state) => state.choice);
  const known = useStore(page, (state) => state.layers[choice.layer]);
  const target = (column: PreviewColumn) => known?.fields.find((field) => field.name === fieldFor(choice, column));
  const columns = [
    {
      title: words.column,
      key: 'name',
      render: (_: unknown, column: PreviewColumn, at: number) => (
        <div className="column">
          <b title={column.name}>{column.name}</b> <small>{words.types[column.type] ?? column.type}</small>
          <div className="example">{example(preview, at)}</div>
          <Casts column={column} target={target(column)} said={column.name in choice.match} words={words} />
        </div>
      ),
    },
    { title: words.field, key: 'field', width: 190, render: (_: unknown, column: PreviewColumn) => <FieldChoice column={column} choice={choice} known={known} /> },
    {
      title: words.role,
      key: 'role',
      width: 116,
      render: (_: unknown, column: PreviewColumn) => (
        <>
          <RoleChoice column={column} choice={choice} known={target(column)} />
          <CodeListChoice column={column} choice={choice} known={target(column)} />
        </>
      ),
    },
  ];
  const keys = preview.columns.filter((column) => fieldFor(choice, column) !== '').map(({ name }) => ({ value: name, label: name }));
  const doubled = doubledFields(choice, preview);
  const found = preview.key === '' ? words.keyByContent : fill(words.keyFound, { k: preview.key });
  return (
    <>
      <LayerChoice preview={preview} />
      <Form layout="vertical" component="div">
        <Form.Item label={words.keyColumn} extra={words.keyHint}>
          <Select aria-label={words.keyColumn} showSearch value={choice.key} onChange={(key: string) => choose({ key })} options={[{ value: '', label: found }, ...keys]} />
        </Form.Item>
      </Form>
      {doubled.length > 0 && <Alert className="gap" type="error" showIcon title={fill(words.doubledField, { f: doubled.join('、') })} />}
      <Table className="fields" rowKey="name" size="small" columns={columns} dataSource={preview.columns} pagination={preview.columns.length > 40 ? { pageSize: 40, size: 'small' } : false} />
    </>
  );
}
