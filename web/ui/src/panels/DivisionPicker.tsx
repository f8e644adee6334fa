/** Province to village, one level asked for at a time; choosing one filters the list and flies there. */
import { Cascader } from 'antd';
import { useState } from 'react';
import type { Division } from '../api/types';
import { pick, useLanguage, useWords } from '../i18n';
import { flyToBounds } from '../map/handle';
import type { Language } from '../state/page';
import { childrenOf } from './divisions';

interface Option {
  value: string;
  label: string;
  isLeaf: boolean;
  bounds: Division['bounds'];
  children?: Option[];
}

async function readChildren(parent: string | null, lang: Language): Promise<Option[]> {
  const children = await childrenOf(parent);
  return children.map((each) => ({
    value: each.code,
    label: pick(lang, each.name_zh, each.name_en),
    isLeaf: !each.has_children,
    bounds: each.bounds,
  }));
}

function withChildren(options: Option[], path: Option[], children: Option[]): Option[] {
  const [head, ...rest] = path;
  return options.map((option) => {
    if (option.value !== head?.value) return option;
    if (rest.length > 0) return { ...option, children: withChildren(option.children ?? [], rest, children) };
    return children.length === 0 ? { ...option, isLeaf: true } : { ...option, children };
  });
}

function codesUpTo(options: Option[], code: string): string[] {
  for (const option of options) {
    if (option.value === code) return [code];
    const below = codesUpTo(option.children ?? [], code);
    if (below.length > 0) return [option.value, ...below];
  }
  return [];
}

export function DivisionPicker({ value, onChange }: { value: string; onChange: (code: string) => void }) {
  const words = useWords();
  const lang = useLanguage();
  const [options, setOptions] = useState<Option[]>([]);
  const open = (shown: boolean) => {
    if (shown && options.length === 0) void readChildren(null, lang).then(setOptions);
  };
  const descend = (path: Option[]) => {
    const last = path.at(-1);
    if (last === undefined || last.children !== undefined) return;
    void readChildren(last.value, lang).then((children) => setOptions((before) => withChildren(before, path, children)));
  };
  return (
    <Cascader<Option>
      options={options}
      value={codesUpTo(options, value)}
      placeholder={words.allDivisions}
      aria-label={words.pickDivision}
      changeOnSelect
      onOpenChange={open}
      loadData={(path) => descend(path)}
      displayRender={(labels) => labels.join(' / ')}
      onChange={(codes, chosen) => {
        onChange(codes.at(-1) ?? '');
        const bounds = chosen.at(-1)?.bounds ?? null;
        if (bounds !== null) flyToBounds(bounds);
      }}
    />
  );
}
