/** Bolt's and the Web API's warnings as lines; what they say in detail may hold what people wrote, so it is left out. */
import { LogLevel } from '@slack/bolt';
import type { Logger } from '@slack/bolt';

const TOKENS = /\bx(?:ox[a-z]|app)-[\w-]+/g;

export function slackLogger(log: (line: string) => void): Logger {
  const say = (level: string, said: readonly unknown[]): void =>
    log(`${level}: ${said.map(String).join(' ').replaceAll(TOKENS, 'xox…')}`);
  const nothing = (): void => undefined;
  return {
    debug: nothing,
    info: nothing,
    warn: (...said) => say('warning', said),
    error: (...said) => say('error', said),
    setLevel: nothing,
    getLevel: () => LogLevel.WARN,
    setName: nothing,
  };
}
