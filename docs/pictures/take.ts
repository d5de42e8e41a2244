/**
 * Takes the pictures of `docs/look-at-it.md`: pages of the Temporal UI of a running sandbox, in headless Chromium.
 *
 *     node docs/pictures/take.ts list [query]                 > workflows, filtered
 *     node docs/pictures/take.ts history <operation> [file] [pixels]  > the event history of an operation
 *     node docs/pictures/take.ts details <operation> [file]   > what an operation says of itself
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type Page } from 'playwright-core';
import { loadContext } from '../../clients/contexts.ts';
import { connectTemporal } from '../../clients/temporal.ts';
import { readState } from '../../sandbox/state.ts';
import { obtain } from '../../sandbox/toolchain/index.ts';

const SIZE = { width: 1440, height: 900 };
const LIMIT_KB = 300;

const state = readState();
if (state === undefined) throw new Error('Cannot take pictures: expected the sandbox to be up');
const base = `${state.temporalUi}/namespaces/${state.namespace}/workflows`;

/** The UI's address of the latest run of an operation. */
async function runUrl(id: string): Promise<string> {
  const client = await connectTemporal(loadContext('sandbox'));
  try {
    const { runId } = await client.workflow.getHandle(id).describe();
    return `${base}/${encodeURIComponent(id)}/${runId}`;
  } finally {
    await client.connection.close();
  }
}

interface Picture {
  readonly url: string;
  readonly file: string;
  /** Shown once the page has what it is about. */
  readonly shows: string;
  /** Pixels to scroll down a history. */
  readonly further: number;
}

async function pictureOf([what = '', about = '', file, down = '0']: readonly string[]): Promise<Picture> {
  const further = Number(down);
  switch (what) {
    case 'list': {
      const query = about || "ZonewrightState IN ('running', 'waiting', 'blocked', 'undoing')";
      return {
        url: `${base}?query=${encodeURIComponent(query)}`,
        file: file ?? 'list',
        shows: 'table tbody tr',
        further,
      };
    }
    case 'history':
      return {
        url: `${await runUrl(about)}/history?sort=ascending`,
        file: file ?? about,
        shows: '[data-testid="event-summary-row"], .event-history-row, table tbody tr',
        further,
      };
    case 'details':
      return {
        url: `${await runUrl(about)}/user-metadata`,
        file: file ?? `${about}-details`,
        shows: 'main',
        further,
      };
    default:
      throw new Error(`Cannot take "${what}": expected list, history or details`);
  }
}

/** The history lies below the input, which may be long, in a frame of its own that shows its beginning only. */
async function uncoverHistory(page: Page, further: number): Promise<void> {
  const title = page.getByRole('heading', { name: 'Event History' });
  if ((await title.count()) === 0) return;
  const minimized = page.getByRole('button', { name: 'Minimized' });
  if ((await minimized.count()) > 0) await minimized.first().click();
  await title.first().evaluate((heading) => heading.scrollIntoView());
  // Out from below the bar at the top of the page.
  await page.mouse.move(SIZE.width / 2, SIZE.height / 2);
  await page.mouse.wheel(0, -60 + further);
  await page.waitForTimeout(700);
}

async function take(page: Page, { url, file, shows, further }: Picture): Promise<void> {
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.locator(shows).first().waitFor({ timeout: 30_000 });
  await page.waitForTimeout(Number(process.env['SETTLE_MS'] ?? 2_500));
  await uncoverHistory(page, further);
  const path = join(import.meta.dirname, `${file}.png`);
  await page.screenshot({ path });
  const kilobytes = Math.round(statSync(path).size / 1024);
  process.stdout.write(`${path} ${kilobytes} KB${kilobytes > LIMIT_KB ? `, more than ${LIMIT_KB}` : ''}\n`);
}

const picture = await pictureOf(process.argv.slice(2));
const browser = await chromium.launch({
  executablePath: await obtain('chromium'),
  // The sandbox runs as root, where Chromium's own sandbox does not.
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'],
});
try {
  const page = await browser.newPage({ viewport: SIZE, colorScheme: 'light' });
  await take(page, picture);
} finally {
  await browser.close();
}
