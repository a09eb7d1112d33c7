// Looks at Riverkeeper's own pages in a Chromium: at the width of a phone and of a laptop, light and dark. Prints, as
// JSON, what is wrong with each: rules of accessibility that it breaks (axe), text that does not fit, errors of scripts.
//   node pages.mjs --base URL [--out DIR] PATH…
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { browserPath, CHROMIUM_ARGS } from './browser.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WIDTHS = { 390: 844, 1280: 800 };
const { values: options, positionals: paths } = parseArgs({
  allowPositionals: true,
  options: { base: { type: 'string' }, out: { type: 'string' } },
});

// Text that is cut, and whatever makes the page wider than its window.
const OVERFLOWS = () => {
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const culprits = [...document.querySelectorAll('main *')].filter(
    (node) => node.getBoundingClientRect().right > document.documentElement.clientWidth + 1,
  );
  return wide > 0 ? culprits.slice(0, 3).map((node) => `${node.nodeName} ${node.textContent.trim().slice(0, 40)}`) : [];
};

const LANDMARKS = () => {
  const levels = [...document.querySelectorAll('h1, h2, h3')].map((node) => Number(node.nodeName[1]));
  const jumps = levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1);
  return [
    ...(levels.filter((level) => level === 1).length === 1 ? [] : ['not exactly one h1']),
    ...(jumps.length ? [`heading levels jump: ${levels}`] : []),
    ...[...document.querySelectorAll('th:not([scope])')].map((node) => `a header without scope: ${node.textContent}`),
    ...[...document.querySelectorAll('[role=progressbar], progress')]
      .filter((node) => !node.getAttribute('aria-label'))
      .map(() => 'a progress bar without a name'),
  ];
};

// Each control shows that it has the focus, and can be reached by keys.
async function walkByKeys(page) {
  const wanted = await page.evaluate(() => document.querySelectorAll('a[href], button:not([hidden]), input, select, summary').length);
  const unseen = [];
  for (let step = 0; step < Math.min(wanted, 40); step += 1) {
    await page.keyboard.press('Tab');
    const found = await page.evaluate(() => {
      const at = document.activeElement;
      return { name: `${at.nodeName} ${at.textContent.trim().slice(0, 30)}`, outline: getComputedStyle(at).outlineStyle };
    });
    if (found.outline === 'none') unseen.push(`the focus is not visible on ${found.name}`);
  }
  return unseen;
}

async function shoot(page, name) {
  await page.screenshot({ path: join(options.out, `${name}.png`) });
  await page.screenshot({ path: join(options.out, `${name}-whole.png`), fullPage: true });
}

async function inspect(page, path, width) {
  const looks = [];
  let wrong = [];
  const listen = (message) => message.type() === 'error' && message.location().url !== page.url() && wrong.push(`console: ${message.text()}`);
  const fail = (error) => wrong.push(`script: ${error}`);
  page.on('console', listen).on('pageerror', fail);
  await page.setViewportSize({ width, height: WIDTHS[width] });
  await page.goto(options.base + path);
  await page.evaluate(AXE);
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    if (options.out) {
      await shoot(page, `${path.replace(/\W+/g, '-').replace(/^-|-$/g, '') || 'front'}-${width}-${scheme}`);
    }
    const { violations } = await page.evaluate(() => axe.run({ resultTypes: ['violations'] }));
    wrong.push(...violations.flatMap((rule) => rule.nodes.slice(0, 3).map((node) => `${rule.id}: ${node.html.slice(0, 160)}`)));
    looks.push({ path, width, scheme, wrong });
    wrong = [];
  }
  wrong = looks[0].wrong; // the rest is the same in both
  wrong.push(...(await page.evaluate(OVERFLOWS)).map((what) => `wider than the window: ${what}`));
  wrong.push(...(await page.evaluate(LANDMARKS)));
  wrong.push(...(await walkByKeys(page)));
  page.off('console', listen).off('pageerror', fail);
  return looks;
}

if (options.out) {
  mkdirSync(options.out, { recursive: true });
}
const browser = await chromium.launch({ executablePath: browserPath(), args: CHROMIUM_ARGS });
const page = await browser.newPage({ bypassCSP: true }); // axe is put into the page
const found = [];
for (const path of paths) {
  for (const width of Object.keys(WIDTHS).map(Number)) {
    found.push(...(await inspect(page, path, width)));
  }
}
await browser.close();
console.log(JSON.stringify(found, undefined, 1));
process.exitCode = found.some((each) => each.wrong.length) ? 1 : 0;
