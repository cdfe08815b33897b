/**
 * How the dashboard is built, and how `npm run dev` serves it: the API and WebSockets of a node that runs
 * already, CONDUIT_URL or the one on 8080, are passed on as if they came from its own page.
 */
import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const node = process.env['CONDUIT_URL'] ?? 'http://localhost:8080';
const toNode = {
  target: node,
  changeOrigin: true,
  headers: { origin: node },
};

export default defineConfig({
  plugins: [react(), tailwindcss()],
  // A React of the test runner lies beside ours.
  resolve: { dedupe: ['react', 'react-dom'] },
  server: { proxy: { '/api': toNode, '/ws': { ...toNode, ws: true } } },
  build: {
    outDir: '../dist/dashboard',
    emptyOutDir: true,
    // Data URLs would need a policy of their own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    reportCompressedSize: false,
  },
});
