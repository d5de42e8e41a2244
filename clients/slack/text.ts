/** Slack's way of writing: mrkdwn, mentions, dates in the reader's own time zone. */
import type { Decision } from '../../domain/explain.ts';

/** What others wrote must neither mention anybody nor become a link, nor open or end a code block. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('```', "'''");

/** Cut to so many characters. */
export const cut = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most - 1)}…` : text;

/** In a code block. */
export const code = (text: string, most = 2_800): string => `\`\`\`${cut(escaped(text), most)}\`\`\``;

export const inline = (text: string): string => `\`${escaped(text).replaceAll('`', "'")}\``;

/** Today at 17:37:25 where the reader is. */
export function date(iso: string): string {
  const utc = `${iso.slice(0, 19).replace('T', ' ')} UTC`;
  return `<!date^${Math.floor(Date.parse(iso) / 1000)}^{date_short_pretty} {time_secs}|${utc}>`;
}

const ACTOR = 'slack:';
export const slackActor = (user: string): string => `${ACTOR}${user}`;

/** A person of this Slack by their mention; anybody else as they are called. */
export const person = ({ actor, actorName }: Pick<Decision, 'actor' | 'actorName'>): string =>
  /^slack:[UW][A-Z0-9]+$/.test(actor)
    ? `<@${actor.slice(ACTOR.length)}>`
    : escaped(actorName === undefined ? actor : `${actorName} (${actor})`);
