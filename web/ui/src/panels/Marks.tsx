/** What must be said about data: that it is made up, or that no authority has reviewed the map. */
import { useWords } from '../i18n';

export function SyntheticMark() {
  const words = useWords();
  return <span className="mark">{words.synthetic}</span>;
}

export function UnreviewedMark() {
  const words = useWords();
  return <span className="mark plain">{words.notReviewed}</span>;
}
