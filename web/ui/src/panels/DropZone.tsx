/** A file dropped anywhere on the page starts an import. */
import { InboxOutlined } from '@ant-design/icons';
import { useEffect, useState } from 'react';
import { useWords } from '../i18n';
import { offerFile } from '../state/actions';
import { rememberOpener } from '../state/focus';

const KINDS =
  '.geojson,.json,.geojsonl,.geojsons,.ndjson,.jsonl,.zip,.shp,.gpkg,.gdb,.kml,.kmz,.fgb,.parquet,.geoparquet,.pbf,.osm,.dxf,.gml,.tab,.mif,.xlsx,.xls,.ods,.csv,.tsv,.txt,.pmtiles,.gz,.arrow';

/** The same door without a mouse: the system's own file dialog; `opener` has the focus again when all is done. */
export function chooseFile(opener: HTMLElement | null): void {
  const field = document.createElement('input');
  field.type = 'file';
  field.accept = KINDS;
  field.onchange = () => {
    const file = field.files?.[0];
    if (file === undefined) return;
    rememberOpener(opener);
    offerFile(file);
  };
  field.click();
}

const carriesFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;

export function DropZone() {
  const words = useWords();
  const [over, setOver] = useState(false);
  useEffect(() => {
    const enter = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(false);
      const file = event.dataTransfer?.files[0];
      if (file !== undefined) offerFile(file);
    };
    const wires = [
      ['dragenter', enter],
      ['dragover', enter],
      ['dragleave', leave],
      ['drop', drop],
    ] as const;
    for (const [name, listener] of wires) window.addEventListener(name, listener);
    return () => wires.forEach(([name, listener]) => window.removeEventListener(name, listener));
  }, []);
  if (!over) return null;
  return (
    <div className="dropzone">
      <div>
        <InboxOutlined />
        <b>{words.dropHere}</b>
        <small>{words.dropKinds}</small>
      </div>
    </div>
  );
}
