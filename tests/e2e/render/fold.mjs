// Puts the first two columns of a tall picture side by side, as what a phone shows while somebody scrolls.
//   node fold.mjs --column PIXELS --out FILE PICTURE
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, CHROMIUM_ARGS } from './browser.mjs';

const GAP = 20; // pixels between the columns
const { values: options, positionals: [picture] } = parseArgs({
  allowPositionals: true,
  options: { column: { type: 'string' }, out: { type: 'string' } },
});

const source = `data:image/png;base64,${readFileSync(picture).toString('base64')}`;
const browser = await chromium.launch({ executablePath: browserPath(), args: CHROMIUM_ARGS });
const page = await browser.newPage({ deviceScaleFactor: 1 });
await page.setContent(`<body style="margin: 0; background: #111217"><img src="${source}">`);
const width = await page.locator('img').evaluate(async (image) => { await image.decode(); return image.naturalWidth; });
const column = (number) => `<div style="width: ${width}px; height: ${options.column}px; flex: none;
  background: url(${source}) 0 -${number * Number(options.column)}px"></div>`;
await page.setViewportSize({ width: 2 * width + GAP, height: Number(options.column) });
await page.setContent(`<body style="margin: 0; background: #111217; display: flex; gap: ${GAP}px">${column(0)}${column(1)}`);
await page.screenshot({ path: options.out });
await browser.close();
