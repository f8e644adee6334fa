/** The closed list a field's values are codes of: titles in the file become codes, and what is neither is reported. */
import { Select } from 'antd';
import type { Field, PreviewColumn } from '../../api/types';
import { fill, useWords } from '../../i18n';
import { codeListFor, mayBeCoded, withCodeList, type Choice } from '../../state/choice';
import { CODE_LISTS } from '../../state/lists';
import { choose } from '../../state/wizard';

export function CodeListChoice({ column, choice, known }: { column: PreviewColumn; choice: Choice; known: Field | undefined }) {
  const words = useWords();
  if (!mayBeCoded(choice, column, known)) return null;
  const options = [{ value: '', label: words.noCodeList }, ...CODE_LISTS.map((value) => ({ value, label: words.codeLists[value] }))];
  return (
    <Select
      className="code-list"
      aria-label={fill(words.codeListOfColumn, { c: column.name })}
      value={codeListFor(choice, column, known)}
      onChange={(list: string) => choose({ code_lists: withCodeList(choice, column, known, list) })}
      options={options}
      popupMatchSelectWidth={false}
    />
  );
}
