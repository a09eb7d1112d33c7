// Draws dashboard files from a Prometheus into pictures; ends with 1 where a panel shows an error or no data.
//   node shoot.mjs --prometheus URL --out DIR [--minutes 15] [--width 1600] [--vars JSON] [--height N] [--to SECONDS] FILE…
import { createReadStream, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, CHROMIUM_ARGS } from './browser.mjs';

const DIST = join(fileURLToPath(new URL('.', import.meta.url)), 'dist');
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
const PATIENCE = 60_000; // milliseconds
const TALL = 9000; // pixels; tables draw only what is in sight, and a phone shows all panels below each other

const { values: options, positionals: files } = parseArgs({
  allowPositionals: true,
  options: {
    prometheus: { type: 'string' }, out: { type: 'string' }, minutes: { type: 'string', default: '15' },
    width: { type: 'string', default: '1600' }, vars: { type: 'string', default: '{}' }, height: { type: 'string' },
    theme: { type: 'string', default: 'dark' }, to: { type: 'string' },
  },
});

// The built page, with the board in question beside it.
function serve(board) {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://any').pathname;
    const file = path === '/board.json' ? board : join(DIST, path === '/' ? 'index.html' : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

const SETTLED = () =>
  document.body.dataset.failed ||
  (document.querySelector('[data-panel]') && !document.querySelector('[data-state=loading]'));

// What is drawn, not only what was loaded: a table without rows or a panel without words is blank.
const STATES = () =>
  [...document.querySelectorAll('[data-panel]')].map((panel) => {
    const { type, title, error } = panel.dataset;
    const broken = panel.querySelector('.broken');
    const drawn = {
      table: panel.querySelectorAll('[role=row]').length > 1,
      timeseries: panel.querySelector('canvas') !== null,
    }[type] ?? panel.innerText.trim().length > title.length;
    const state = broken ? 'error' : panel.dataset.state === 'data' && !drawn ? 'blank' : panel.dataset.state;
    return { title, state, error: error || broken?.textContent || '' };
  });

async function shoot(browser, file) {
  const server = await serve(file);
  const page = await browser.newPage({ viewport: { width: Number(options.width), height: TALL }, deviceScaleFactor: 1 });
  page.on('pageerror', (error) => console.error(`${basename(file)}: ${error}`));
  const asked = new URLSearchParams({ prometheus: options.prometheus, minutes: options.minutes, width: options.width,
    vars: options.vars, theme: options.theme, ...(options.to && { to: options.to }) });
  await page.goto(`http://127.0.0.1:${server.address().port}/?${asked}`);
  await page.waitForFunction(SETTLED, undefined, { timeout: PATIENCE });
  await page.waitForLoadState('networkidle');
  const failed = await page.evaluate(() => document.body.dataset.failed);
  if (failed) {
    throw new Error(`${basename(file)}: ${failed}`);
  }
  const states = await page.evaluate(STATES);
  const whole = await page.evaluate(() => document.getElementById('root').firstElementChild.scrollHeight);
  const clip = { x: 0, y: 0, width: Number(options.width), height: Number(options.height ?? whole) };
  await page.screenshot({ path: join(options.out, `${basename(file, '.json')}.png`), clip });
  await page.close();
  server.close();
  return states.map((one) => ({ board: basename(file, '.json'), ...one }));
}

mkdirSync(options.out, { recursive: true });
const browser = await chromium.launch({ executablePath: browserPath(), args: CHROMIUM_ARGS });
const states = [];
for (const file of files) {
  readFileSync(file);
  states.push(...(await shoot(browser, file)));
}
await browser.close();
console.log(JSON.stringify(states, undefined, 1));
const wrong = states.filter((one) => one.state !== 'data');
for (const { board, title, state, error } of wrong) {
  console.error(`${board}: ${title}: ${state} ${error}`);
}
process.exitCode = wrong.length ? 1 : 0;
