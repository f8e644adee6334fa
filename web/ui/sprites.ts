/** Icons as MapLibre sprites: all of Maki (CC0), dark for pale ground and white for the inside of a coloured circle. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';

const ICON_PX = 15;
/** A clear pixel on every side, so that a scaled icon takes no colour from its neighbour. */
const CELL_PX = ICON_PX + 2;
const COLUMNS = 24;
const DARK = '#333333';
const WHITE = '#FFFFFF';
const RATIOS = [1, 2];

interface Icon {
  name: string;
  svg: string;
}

function readIcons(): Icon[] {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@mapbox/maki/package.json')), 'icons');
  const files = readdirSync(folder).filter((name) => name.endsWith('.svg')).sort();
  return files.flatMap((file) => {
    const name = basename(file, '.svg');
    const drawing = readFileSync(join(folder, file), 'utf-8').replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '');
    return [
      { name, svg: `<g fill="${DARK}">${drawing}</g>` },
      { name: `${name}-white`, svg: `<g fill="${WHITE}">${drawing}</g>` },
    ];
  });
}

const cell = (index: number): { x: number; y: number } => ({
  x: (index % COLUMNS) * CELL_PX + 1,
  y: Math.floor(index / COLUMNS) * CELL_PX + 1,
});

/** All icons are one drawing, so the sheet needs no packing of pictures. */
function sheet(icons: Icon[]): string {
  const height = Math.ceil(icons.length / COLUMNS) * CELL_PX;
  const parts = icons.map(({ svg }, index) => {
    const { x, y } = cell(index);
    return `<svg x="${x}" y="${y}" width="${ICON_PX}" height="${ICON_PX}" viewBox="0 0 ${ICON_PX} ${ICON_PX}">${svg}</svg>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${COLUMNS * CELL_PX}" height="${height}">${parts.join('')}</svg>`;
}

/** Write icons.json, icons.png and the same twice as large into `folder`. */
export function writeSprites(folder: string): void {
  const icons = readIcons();
  const drawing = sheet(icons);
  mkdirSync(folder, { recursive: true });
  for (const ratio of RATIOS) {
    const index = icons.map(({ name }, place) => {
      const { x, y } = cell(place);
      return [name, { x: x * ratio, y: y * ratio, width: ICON_PX * ratio, height: ICON_PX * ratio, pixelRatio: ratio }];
    });
    const stem = join(folder, ratio === 1 ? 'icons' : `icons@${ratio}x`);
    writeFileSync(`${stem}.json`, JSON.stringify(Object.fromEntries(index)));
    writeFileSync(`${stem}.png`, new Resvg(drawing, { fitTo: { mode: 'zoom', value: ratio } }).render().asPng());
  }
}
