// Takes pictures of Riverkeeper's pages for the documents: light, at the width of a laptop, at twice its points.
//   node picture.mjs --base URL --out FILE [--open SELECTOR] [--until SELECTOR] [--width 1280] PATH
// The picture ends with the element --until, or with the page; --open unfolds what is folded there.
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, CHROMIUM_ARGS } from './browser.mjs';

const MARGIN = 24; // pixels below the last element
const { values: options, positionals: [path] } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: 'string' }, out: { type: 'string' }, open: { type: 'string' }, until: { type: 'string' },
    width: { type: 'string', default: '1280' },
  },
});

const browser = await chromium.launch({ executablePath: browserPath(), args: CHROMIUM_ARGS });
const width = Number(options.width);
const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme: 'light', deviceScaleFactor: 1.5 });
const answer = await page.goto(options.base + path);
if (!answer.ok()) {
  throw new Error(`${path}: ${answer.status()}`);
}
if (options.open) {
  await page.locator(options.open).first().evaluate((node) => { node.open = true; });
}
const end = page.locator(options.until ?? 'main').last();
const height = Math.ceil(await end.evaluate((node) => node.getBoundingClientRect().bottom + scrollY)) + MARGIN;
await page.screenshot({ path: options.out, fullPage: true, clip: { x: 0, y: 0, width, height } });
await browser.close();
