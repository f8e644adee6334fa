import { Button } from 'antd';
import { fill, useWords } from '../../i18n';
import { choose } from '../../state/wizard';

/** One click that takes what the measurement says. */
export function UseDatum({ datum }: { datum: string }) {
  const words = useWords();
  return (
    <Button type="primary" onClick={() => choose({ datum })}>
      {fill(words.useDatum, { d: datum })}
    </Button>
  );
}
