import { copyFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';
import { writeSprites } from './sprites.ts';

const outDir = resolve(import.meta.dirname, '../static');

/** The interactive API page must work without the internet, so its script and style are copied beside ours. */
function copySwagger(): Plugin {
  const source = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  return {
    name: 'copy-swagger',
    apply: 'build',
    closeBundle() {
      mkdirSync(join(outDir, 'docs'), { recursive: true });
      for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'LICENSE']) {
        copyFileSync(join(source, name), join(outDir, 'docs', name));
      }
    },
  };
}

/** Icons for the styles, also for clients that are not ours. */
function drawSprites(): Plugin {
  return {
    name: 'draw-sprites',
    apply: 'build',
    closeBundle() {
      writeSprites(join(outDir, 'sprites'));
    },
  };
}

/** The web component: other systems write its address into their pages, so it never changes; what it imports carries a hash. */
const EMBEDDED = 'yuetu-map';

const TOOLS = /node_modules\/(react|react-dom|scheduler|antd|@ant-design|@rc-component|dayjs|@emotion|@babel|stylis)\//;

export default defineConfig({
  base: './',
  plugins: [react(), copySwagger(), drawSprites()],
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    chunkSizeWarningLimit: 1600,
    rolldownOptions: {
      input: { index: resolve(import.meta.dirname, 'index.html'), [EMBEDDED]: resolve(import.meta.dirname, 'src/element/yuetuMap.ts') },
      output: {
        entryFileNames: ({ name }) => (name === EMBEDDED ? 'embed/[name].js' : 'assets/[name]-[hash].js'),
        codeSplitting: {
          groups: [
            { name: 'maplibre', test: /node_modules\/maplibre-gl\/.*\.mjs$/ },
            { name: 'tools', test: TOOLS },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
});
