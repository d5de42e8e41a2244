import type { Tool } from './tool.ts';

const MINIMUM = 17;

export const java: Tool = {
  name: 'java',
  version: `${MINIMUM}`,
  onPath: {
    command: 'java',
    args: ['-version'],
    pattern: /version "(\d+)/,
    accepts: (version) => Number(version) >= MINIMUM,
  },
  source: { kind: 'debian', packages: ['default-jre-headless'], file: '/usr/bin/java' },
  install: 'apt-get install default-jre-headless',
};
