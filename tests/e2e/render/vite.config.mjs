import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// process.env: Grafana's packages ask it for a mode that a browser does not have.
export default defineConfig({
  plugins: [react()],
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}' },
  build: { target: 'esnext', chunkSizeWarningLimit: 10_000 },
  logLevel: 'warn',
});
