/** One box for places, products, codes and coordinates; the answers are grouped. */
import { SearchOutlined } from '@ant-design/icons';
import { AutoComplete, Input } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { api } from '../api/client';
import type { Hit, HitGroup } from '../api/types';
import { pick, titleOf, useLanguage, useWords } from '../i18n';
import { openHit } from '../state/actions';
import { page, type Language } from '../state/page';

const PAUSE_MS = 150;

interface Option {
  value: string;
  label: React.ReactNode;
  hit?: Hit;
}

interface OptionGroup {
  label: string;
  options: Option[];
}

function useHits(text: string): HitGroup[] | null {
  const [found, setFound] = useState<{ text: string; groups: HitGroup[] } | null>(null);
  const asked = text.trim();
  useEffect(() => {
    if (asked === '') return;
    const control = new AbortController();
    const timer = setTimeout(() => {
      api.search(asked, control.signal).then(
        (groups) => setFound({ text: asked, groups }),
        () => undefined,
      );
    }, PAUSE_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [asked]);
  return asked === '' || found === null ? null : found.groups;
}

function subtitleOf(hit: Hit, lang: Language): string {
  const layer = hit.layer === null ? undefined : page.get().layers[hit.layer];
  return [layer === undefined ? hit.subtitle : titleOf(lang, layer), hit.code].filter((part) => part !== '').join(' · ');
}

function hitOption(hit: Hit, lang: Language): Option {
  return {
    value: `${hit.kind}:${hit.ref}:${hit.layer ?? ''}:${hit.oid ?? ''}:${hit.code}`,
    hit,
    label: (
      <div className="hit">
        <span>{productTitle(hit, lang)}</span>
        <small>{subtitleOf(hit, lang)}</small>
      </div>
    ),
  };
}

/** The index holds one title; a product has one in each language. */
function productTitle(hit: Hit, lang: Language): string {
  const product = hit.kind === 'product' ? page.get().products?.find((each) => each.code === hit.ref) : undefined;
  return product === undefined ? hit.title : titleOf(lang, product);
}

function optionGroups(groups: HitGroup[] | null, lang: Language): OptionGroup[] {
  const found = (groups ?? []).map((group) => ({
    label: pick(lang, group.title_zh, group.title_en),
    options: group.hits.map((hit) => hitOption(hit, lang)),
  }));
  return found.filter((group) => group.options.length > 0);
}

export function SearchBox({ phone }: { phone: boolean }) {
  const words = useWords();
  const lang = useLanguage();
  const [text, setText] = useState('');
  const [open, setOpen] = useState(false);
  const box = useRef<React.ComponentRef<typeof AutoComplete>>(null);
  const groups = useHits(text);
  const options = optionGroups(groups, lang);
  const choose = (_: unknown, option: Option | OptionGroup) => {
    if ('hit' in option && option.hit !== undefined) {
      setText(productTitle(option.hit, lang));
      openHit(option.hit);
    }
    setOpen(false);
    box.current?.blur();
  };
  return (
    <search className="search">
      <AutoComplete
        ref={box}
        value={text}
        options={options}
        open={open && text.trim() !== ''}
        onOpenChange={setOpen}
        onFocus={() => setOpen(true)}
        onSelect={choose}
        onChange={(value: string, option) => {
          if (option === undefined || !('hit' in option)) {
            setText(value);
            setOpen(true);
          }
        }}
        defaultActiveFirstOption
        notFoundContent={groups === null ? null : words.searchNone}
        listHeight={520}
        popupMatchSelectWidth={320}
        classNames={{ popup: { root: 'hits' } }}
      >
        <Input prefix={<SearchOutlined />} suffix={<kbd>/</kbd>} placeholder={phone ? words.searchShort : words.searchHint} aria-label={words.searchHint} allowClear />
      </AutoComplete>
    </search>
  );
}
