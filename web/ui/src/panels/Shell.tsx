/** The frame around the map: bar, drawer and inspector on a desk, one sheet on a phone. */
import { useWords } from '../i18n';
import { MapView } from '../map/MapView';
import { page } from '../state/page';
import { useStore } from '../state/store';
import { Corners } from './Corners';
import { Drawer } from './Drawer';
import { DropZone } from './DropZone';
import { ImportHistory } from './ImportHistory';
import { ImportReportPanel } from './ImportReportPanel';
import { Inspector } from './Inspector';
import { JobCards } from './JobCards';
import { SignIn } from './SignIn';
import { Sheet } from './Sheet';
import { TopBar } from './TopBar';
import { ImportWizard } from './wizard/ImportWizard';

const CAN_DRAW = document.createElement('canvas').getContext('webgl2') !== null;

export function Shell({ phone }: { phone: boolean }) {
  const words = useWords();
  const busy = useStore(page, (state) => state.busy);
  const inspecting = useStore(page, (state) => state.picked !== null || state.candidates.length > 1);
  return (
    <div className={phone ? 'shell phone' : 'shell'}>
      <TopBar phone={phone} />
      <div className={busy ? 'progress busy' : 'progress'} aria-hidden />
      <main id="map" className="stage" tabIndex={-1} aria-label={words.map}>
        {CAN_DRAW ? <MapView /> : <p className="nomap">{words.noWebgl}</p>}
      </main>
      {phone ? <Sheet /> : <Drawer />}
      {!phone && inspecting && (
        <aside className="inspector" aria-label={words.inspector}>
          <Inspector />
        </aside>
      )}
      <Corners phone={phone} />
      <JobCards />
      <SignIn />
      <ImportReportPanel />
      <ImportHistory />
      <ImportWizard />
      <DropZone />
    </div>
  );
}
