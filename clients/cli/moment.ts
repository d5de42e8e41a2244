/** Moments as people read them: the day only where it is another one than today, always in UTC. */
import { duration } from './output.ts';

/** `17:37:25` today, `2026-11-22 17:37:25` otherwise. */
export function moment(iso: string, now = Date.now()): string {
  const text = new Date(iso).toISOString().slice(0, 19).replace('T', ' ');
  return text.startsWith(new Date(now).toISOString().slice(0, 10)) ? text.slice(11) : text;
}

/** The same with how long it still is: `17:37:25 UTC (in 16 min 3 s)`. */
export function deadline(iso: string, now = Date.now()): string {
  const left = Date.parse(iso) - now;
  return `${moment(iso, now)} UTC (${left > 0 ? `in ${duration(left)}` : 'now'})`;
}
