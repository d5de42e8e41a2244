import type { Tool } from './tool.ts';

/** For pictures of the Temporal UI; without fonts it crashes. */
export const chromium: Tool = {
  name: 'chromium',
  version: 'installed',
  source: { kind: 'debian', packages: ['chromium', 'fonts-dejavu'], file: '/usr/bin/chromium' },
  install: 'apt-get install chromium fonts-dejavu',
};
