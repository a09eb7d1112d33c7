// Which browser draws, and how it is started.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];
export const CHROMIUM_ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export function browserPath() {
  const folders = (process.env.PATH ?? '').split(':');
  const found = BROWSERS.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!found) {
    throw new Error(`no browser: none of ${BROWSERS.join(', ')} is on PATH`);
  }
  return found;
}
