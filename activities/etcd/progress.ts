import { beat } from '../heartbeat.ts';

/** What the operation's followers see of the attempt. */
export const say = (progress: string): void => beat({ progress });

/** The same, of what changes with every chunk: a few times a second. */
export function sayOften(text: (bytes: number) => string): (bytes: number) => void {
  let next = 0;
  return (bytes) => {
    if (Date.now() < next) return;
    next = Date.now() + 500;
    say(text(bytes));
  };
}

export const amount = (bytes: number): string => `${(bytes / 1_000_000).toFixed(1)} MB`;
