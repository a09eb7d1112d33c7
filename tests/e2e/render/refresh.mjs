// Reads one page, and lets it read itself again while somebody reads it. Prints, as JSON, what that person loses.
//   node refresh.mjs --url URL --from TEXT --to TEXT     the page has rows that unfold; in the second answer TEXT is changed
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, CHROMIUM_ARGS } from './browser.mjs';

const { values: options } = parseArgs({
  options: { url: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' } },
});
const REFRESH = 15_000; // milliseconds, of refresh.js
const lost = [];
const check = (what, holds) => holds || lost.push(what);

const browser = await chromium.launch({ executablePath: browserPath(), args: CHROMIUM_ARGS });
const page = await browser.newPage({ viewport: { width: 1280, height: 400 } });
page.on('pageerror', (error) => lost.push(`script: ${error}`));
let requests = 0;
await page.clock.install();
await page.goto(options.url);
const answer = await (await fetch(options.url)).text();
await page.route(options.url, (route) => {
  requests += 1;
  return route.fulfill({ contentType: 'text/html', body: answer.replaceAll(options.from, options.to) });
});
const next = async (wanted) => {
  await page.clock.runFor(REFRESH);
  await page.waitForFunction((text) => document.body.innerText.includes(text), wanted).catch(() => lost.push(`never read: ${wanted}`));
};

const rows = page.locator('details');
const last = (await rows.count()) - 1;
await rows.nth(last).locator('summary').click();
await page.locator('input').first().fill('half a na');
await rows.nth(last).locator('summary').focus();
const before = await page.evaluate(() => scrollY);
await rows.first().evaluate((node) => { node.isTheSame = true; });
await next(options.to);
check('what was unfolded', await rows.nth(last).evaluate((node) => node.open));
check('what was typed', (await page.locator('input').first().inputValue()) === 'half a na');
check('the place on the page', before > 0 && (await page.evaluate(() => scrollY)) === before);
check('the focus', await page.evaluate(() => document.activeElement.nodeName === 'SUMMARY'));
check('the nodes themselves', await rows.first().evaluate((node) => node.isTheSame === true));

await page.locator('#pause').click();
const seen = requests;
await page.clock.runFor(4 * REFRESH);
check('the pause', requests === seen);
await page.locator('#pause').click();

await page.unroute(options.url);
await page.route(options.url, (route) => route.abort());
await next('This page is old');
check('that the page is old', await page.locator('#stale').isVisible());
await page.unroute(options.url);
await page.clock.runFor(REFRESH);
await page.waitForFunction(() => document.getElementById('stale').hidden).catch(() => lost.push('that it is new again'));
await browser.close();
console.log(JSON.stringify(lost));
process.exitCode = lost.length ? 1 : 0;
