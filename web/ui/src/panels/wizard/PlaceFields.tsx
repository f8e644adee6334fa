/** How the numbers of a file become places: which ordinate is first, and what its heights count from. */
import { Form, Select } from 'antd';
import type { Preview } from '../../api/types';
import { useLanguage, useWords } from '../../i18n';
import { VERTICAL_DATUMS } from '../../state/lists';
import { useStore } from '../../state/store';
import type { Choice } from '../../state/choice';
import { choose, wizard } from '../../state/wizard';

export function AxisOrder() {
  const words = useWords();
  const order = useStore(wizard, (state) => state.choice.axis_order);
  const options = (['', 'lon-lat', 'lat-lon'] as const).map((value) => ({ value, label: value === '' ? words.automatic : words.axisOrders[value] }));
  return (
    <Form.Item label={words.axisOrder}>
      <Select<Choice['axis_order']> aria-label={words.axisOrder} value={order} onChange={(value) => choose({ axis_order: value })} options={options} />
    </Form.Item>
  );
}

/** Only where there are heights; they are labelled, never changed. */
export function HeightDatum({ preview }: { preview: Preview }) {
  const words = useWords();
  const lang = useLanguage();
  const datum = useStore(wizard, (state) => state.choice.vertical_datum);
  if (preview.vertical_datum === null && datum === '') return null;
  const stated = preview.vertical_datum === null || datum !== '' ? words.automatic : `${words.automatic}（${preview.vertical_datum}）`;
  const options = VERTICAL_DATUMS.map(([value, title]) => ({ value, label: lang === 'en' ? title : value }));
  return (
    <Form.Item label={words.verticalDatum}>
      <Select aria-label={words.verticalDatum} value={datum} onChange={(value: string) => choose({ vertical_datum: value })} options={[{ value: '', label: stated }, ...options]} />
    </Form.Item>
  );
}
