/**
 * Slack as the bot sees it, on this computer: keeps channels, checks the bot's token, refuses what Slack refuses, and
 * signs what it sends to the bot. A person's clicks take what stands in the messages.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Button {
  readonly action_id: string;
  readonly value?: string;
  readonly text: { readonly text: string };
}

export interface Posted {
  readonly channel: string;
  readonly ts: string;
  readonly thread_ts?: string;
  text: string;
  blocks: ReadonlyArray<{ readonly type: string; readonly elements?: readonly Button[] }>;
  metadata?: { readonly event_type: string; readonly event_payload: Record<string, unknown> };
  updates: number;
}

interface View {
  readonly id: string;
  readonly callback_id: string;
  readonly private_metadata: string;
  readonly blocks: readonly unknown[];
}

type Args = Record<string, string | undefined>;

export const CHANNEL = 'C0OPERATIONS';
const TEAM = 'T0STANDIN';
const BOT = 'B0ZONEWRIGHT';

export class SlackStandIn {
  readonly token = 'xoxb-stand-in-token';
  readonly signingSecret = 'stand-in-signing-secret';
  /** Messages of the channel and of its threads, in order. */
  readonly messages: Posted[] = [];
  readonly ephemeral: { readonly user: string; readonly text: string }[] = [];
  /** What came back over the response URLs, latest last. */
  readonly responses: Array<Record<string, unknown>> = [];
  readonly views: View[] = [];
  /** Every call of the Web API, by method, in order. */
  readonly calls: string[] = [];
  readonly groups = new Map<string, readonly string[]>();
  /** Methods that shall be refused as too many once, with seconds to wait. */
  readonly limits = new Map<string, number>();
  /** Methods whose effect happens but whose answer is lost once. */
  readonly lost = new Set<string>();
  botUrl = '';
  readonly #server: Server;
  #count = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(): Promise<SlackStandIn> {
    const server = createServer();
    const slack = new SlackStandIn(server);
    server.on('request', (request, response) => void slack.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return slack;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** The messages of operations, without those of threads. */
  get board(): Posted[] {
    return this.messages.filter(({ thread_ts: thread }) => thread === undefined);
  }

  threadOf({ ts }: Posted): Posted[] {
    return this.messages.filter(({ thread_ts: thread }) => thread === ts);
  }

  // A person.

  /** Types `/zonewright <text>`. */
  command(
    text: string,
    { user = 'U0ALICE', trigger = this.#next('trigger'), ...how }: Sending & Person = {},
  ) {
    const form = {
      command: '/zonewright',
      text,
      user_id: user,
      user_name: user.slice(2).toLowerCase(),
      channel_id: CHANNEL,
      team_id: TEAM,
      trigger_id: trigger,
      response_url: `${this.url}/response`,
      is_enterprise_install: 'false',
    };
    return this.send(new URLSearchParams(form).toString(), how);
  }

  /** Clicks a button. */
  click(
    button: Button,
    { user = 'U0ALICE', trigger = this.#next('trigger'), ...how }: Sending & Person = {},
  ) {
    return this.#interact(
      {
        type: 'block_actions',
        user: { id: user, username: user.slice(2).toLowerCase(), team_id: TEAM },
        trigger_id: trigger,
        channel: { id: CHANNEL, name: 'operations' },
        response_url: `${this.url}/response`,
        actions: [{ ...button, type: 'button', block_id: 'b', action_ts: '1.1' }],
      },
      how,
    );
  }

  /** Fills in the form that was opened last and sends it. */
  submit(reason: string, { user = 'U0ALICE', ...how }: Sending & Person = {}, view = this.views.at(-1)) {
    assert.ok(view, 'no form was opened');
    return this.#interact(
      {
        type: 'view_submission',
        user: {
          id: user,
          username: user.slice(2).toLowerCase(),
          name: user.slice(2).toLowerCase(),
          team_id: TEAM,
        },
        view: {
          ...view,
          type: 'modal',
          state: { values: { reason: { text: { type: 'plain_text_input', value: reason } } } },
        },
      },
      how,
    );
  }

  #interact(payload: object, how: Sending) {
    const whole = {
      ...payload,
      team: { id: TEAM, domain: 'stand-in' },
      api_app_id: 'A0',
      token: 'unused',
      is_enterprise_install: false,
    };
    return this.send(new URLSearchParams({ payload: JSON.stringify(whole) }).toString(), how);
  }

  /** Delivers a body to the bot, signed as Slack signs it. */
  async send(body: string, { secret = this.signingSecret, ageSeconds = 0, signature, retry }: Sending = {}) {
    const timestamp = String(Math.floor(Date.now() / 1000) - ageSeconds);
    const signed = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
    const response = await fetch(`${this.botUrl}/slack/events`, {
      method: 'POST',
      body,
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': timestamp,
        ...(signature === null ? {} : { 'x-slack-signature': signature ?? `v0=${signed}` }),
        ...(retry === undefined
          ? {}
          : { 'x-slack-retry-num': String(retry), 'x-slack-retry-reason': 'http_timeout' }),
      },
    });
    await response.text();
    return response.status;
  }

  // The Web API.

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const { pathname } = new URL(request.url ?? '/', this.url);
    const send = (status: number, document: object, headers: Record<string, string> = {}): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(document));
    if (pathname === '/response') {
      this.responses.push(JSON.parse(body) as Record<string, unknown>);
      return send(200, { ok: true });
    }
    const method = pathname.replace('/api/', '');
    this.calls.push(method);
    const form = Object.fromEntries(new URLSearchParams(body)) as Args;
    if (request.headers.authorization !== `Bearer ${this.token}`)
      return send(200, { ok: false, error: 'invalid_auth' });
    const wait = this.limits.get(method);
    if (wait !== undefined) {
      this.limits.delete(method);
      return send(429, { ok: false, error: 'ratelimited' }, { 'retry-after': String(wait) });
    }
    const answer = this.#call(method, form);
    if (this.lost.delete(method)) return void response.destroy();
    send(200, answer);
  }

  #call(method: string, form: Args): object {
    switch (method) {
      case 'auth.test':
        return { ok: true, user_id: 'U0BOT', bot_id: BOT, team_id: TEAM, team: 'stand-in', url: this.url };
      case 'chat.postMessage':
        return this.#post(form);
      case 'chat.update':
        return this.#update(form);
      case 'chat.postEphemeral':
        this.ephemeral.push({ user: form['user'] ?? '', text: form['text'] ?? '' });
        return { ok: true, message_ts: this.#next('') };
      case 'views.open':
        return this.#open(form);
      case 'conversations.history':
        return this.#history(form);
      case 'conversations.replies':
        return {
          ok: true,
          messages: this.messages.filter((one) => [one.ts, one.thread_ts].includes(form['ts'])).map(shown),
        };
      case 'usergroups.users.list':
        return { ok: true, users: this.groups.get(form['usergroup'] ?? '') ?? [] };
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }

  #post(form: Args): object {
    if (form['channel'] !== CHANNEL) return { ok: false, error: 'channel_not_found' };
    const ts = `${Math.floor(Date.now() / 1000)}.${String(++this.#count).padStart(6, '0')}`;
    const thread = form['thread_ts'];
    this.messages.push({
      channel: CHANNEL,
      ts,
      ...(thread === undefined ? {} : { thread_ts: thread }),
      ...contentOf(form),
      updates: 0,
    });
    return { ok: true, ts, channel: CHANNEL };
  }

  #update(form: Args): object {
    const message = this.messages.find(({ ts }) => ts === form['ts']);
    if (message === undefined) return { ok: false, error: 'message_not_found' };
    Object.assign(message, contentOf(form));
    message.updates++;
    return { ok: true, ts: message.ts, channel: CHANNEL };
  }

  #open(form: Args): object {
    if (!form['trigger_id']) return { ok: false, error: 'invalid_arguments' };
    const view = JSON.parse(form['view'] ?? '{}') as Omit<View, 'id'>;
    if (view.private_metadata.length > 3_000) return { ok: false, error: 'invalid_arguments' };
    this.views.push({ ...view, id: this.#next('V') });
    return { ok: true, view: this.views.at(-1) };
  }

  /** Newest first, page by page, without threads, metadata only where it is asked for. */
  #history(form: Args): object {
    if (form['channel'] !== CHANNEL) return { ok: false, error: 'channel_not_found' };
    const all = this.board.filter(({ ts }) => Number(ts) >= Number(form['oldest'] ?? 0)).toReversed();
    const from = Number(form['cursor'] ?? 0);
    const to = from + Number(form['limit'] ?? 100);
    const page = all.slice(from, to).map(shown);
    const messages =
      form['include_all_metadata'] === 'true' ? page : page.map(({ metadata: _metadata, ...one }) => one);
    return { ok: true, messages, response_metadata: { next_cursor: to < all.length ? String(to) : '' } };
  }

  #next(kind: string): string {
    return `${kind}${Date.now()}.${++this.#count}`;
  }
}

export interface Person {
  readonly user?: string;
  readonly trigger?: string;
}
export interface Sending {
  readonly secret?: string;
  readonly ageSeconds?: number;
  /** Instead of the right one; null for none. */
  readonly signature?: string | null;
  /** Number of the retry. */
  readonly retry?: number;
}

const shown = ({ updates: _updates, ...message }: Posted) => ({ ...message, type: 'message', bot_id: BOT });

/** Refuses what Slack refuses: too many blocks, too long texts and values. */
function contentOf(form: Args) {
  const blocks = JSON.parse(form['blocks'] ?? '[]') as Posted['blocks'];
  assert.ok(blocks.length <= 50);
  for (const block of blocks) {
    const { text } = block as { text?: { text: string } };
    if (text !== undefined) assert.ok(text.text.length > 0 && text.text.length <= 3_000);
    const ids = (block.type === 'actions' ? (block.elements ?? []) : []).map(
      ({ action_id: id, value = '', text: label }) => {
        assert.ok(value.length <= 2_000 && label.text.length <= 75);
        return id;
      },
    );
    assert.equal(new Set(ids).size, ids.length, 'action ids of a block differ');
  }
  const metadata = form['metadata'];
  return {
    text: form['text'] ?? '',
    blocks,
    ...(metadata === undefined ? {} : { metadata: JSON.parse(metadata) as NonNullable<Posted['metadata']> }),
  };
}

/** The button of a message whose label is this. */
export function buttonOf({ blocks }: Pick<Posted, 'blocks'>, label: string): Button {
  const all = blocks.flatMap(({ type, elements = [] }) => (type === 'actions' ? elements : []));
  const found = all.find(({ text }) => text.text === label);
  assert.ok(found, `no button "${label}" among ${all.map(({ text }) => text.text).join(', ')}`);
  return found;
}
export const labelsOf = ({ blocks }: Pick<Posted, 'blocks'>): string[] =>
  blocks.flatMap(({ type, elements = [] }) =>
    type === 'actions' ? elements.map(({ text }) => text.text) : [],
  );
